/** Countries by their two letters, and as the small numbers that tables hold. [ISO 3166-1 alpha-2] */

/** All that are assigned, and XK, which databases use for Kosovo. */
const CODES =
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ ' +
  'CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR ' +
  'GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP ' +
  'KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT ' +
  'MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW ' +
  'SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ ' +
  'UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW'
const COUNTRY_CODES: ReadonlySet<string> = new Set(CODES.split(' '))

/** What people and other lists write. */
const OTHER_CODES: Readonly<Record<string, string>> = { UK: 'GB', EL: 'GR', USA: 'US', UAE: 'AE' }

const LETTERS = 26
const A = 65

export function isCountryCode(text: string): boolean {
  return COUNTRY_CODES.has(text)
}

/** The code that `uk`, `USA` or `Germany` stands for; undefined where we can't say. */
export function countryCodeMeant(text: string): string | undefined {
  const upper = text.toUpperCase()
  if (COUNTRY_CODES.has(upper)) return upper
  if (Object.hasOwn(OTHER_CODES, upper)) return OTHER_CODES[upper]
  const names = new Intl.DisplayNames('en', { type: 'region' })
  for (const code of COUNTRY_CODES) if (names.of(code)?.toUpperCase() === upper) return code
  return undefined
}

/** 1 to 676, for any two letters; 0 for anything else, and for ZZ, which stands for no country. */
export function countryNumber(text: string): number {
  if (!/^[A-Za-z]{2}$/.test(text)) return 0
  const upper = text.toUpperCase()
  return upper === 'ZZ' ? 0 : (upper.charCodeAt(0) - A) * LETTERS + (upper.charCodeAt(1) - A) + 1
}

/** The other way; not for 0. */
export function countryCode(number: number): string {
  return String.fromCharCode(A + Math.floor((number - 1) / LETTERS), A + ((number - 1) % LETTERS))
}
