/**
 * Windows refuses before it permits: a rule that blocks everybody else holds whatever is allowed elsewhere. So the
 * others are written out as ranges, and nothing depends on the rules that are there already.
 */
import { otherRanges } from './other-ranges.ts'
import type { FirewallPlan, PortRange, Sources } from './plan.ts'
import { portTexts, whoGets } from './script-frame.ts'

export function windowsScript(plan: FirewallPlan): string {
  const rules = [
    ...rulePair('service', plan.ports, plan.allowed),
    ...(plan.adminPorts.length === 0 ? [] : rulePair('administration', plan.adminPorts, plan.admins)),
  ]
  return `${head(plan)}

$RollbackAfterSeconds = ${plan.rollbackAfterS}
$Rules = @(
${rules.join(',\n')}
)
${FRAME.trim()}
`
}

function head(plan: FirewallPlan): string {
  const rows = whoGets(plan).map((line) => `    ${line}`)
  return `<#
Firewall for the machine of an upstream behind Tidegate. Run it there in a PowerShell of an administrator.

${rows.join('\n')}

    .\\FILE.ps1 dry-run      shows the rules; changes nothing
    .\\FILE.ps1 apply        sets them, and takes them back after ${plan.rollbackAfterS} s ...
    .\\FILE.ps1 confirm      ... unless this is said before: then they stay
    .\\FILE.ps1 rollback     back at once to what was confirmed last, or to no rules of ours
    .\\FILE.ps1 status       what holds; exit code 0 where all of it is in place
    .\\FILE.ps1 uninstall    takes away all that this script has ever made

Apply, then log in a second time and look at the service, then confirm. Apply twice is apply once.
Windows looks again at open connections when rules change: those of others to these ports end. Ours go on.
#>
#Requires -Version 5.1
#Requires -RunAsAdministrator
param(
  [Parameter(Mandatory = $true, Position = 0)]
  [ValidateSet('dry-run', 'apply', 'confirm', 'rollback', 'status', 'uninstall', 'restore', 'take-back')]
  [string]$Command
)
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'`
}

/** Our addresses are allowed, all others blocked. Text in single quotes is taken letter by letter. */
function rulePair(name: string, ranges: readonly PortRange[], { ipv4, ipv6 }: Sources): string[] {
  const ports = quoted(portTexts(ranges, '-'))
  const others = [...otherRanges(4, [...ipv4, ...without('127.0.0.0/8', ipv4)]), ...otherRanges(6, ipv6)]
  const rule = (title: string, action: 'Allow' | 'Block', addresses: readonly string[]): string => `  @{
    DisplayName = 'Tidegate: ${title}'
    Action = '${action}'
    LocalPort = ${ports}
    RemoteAddress = ${quoted(addresses)}
  }`
  return [
    rule(`our addresses to the ${name} ports`, 'Allow', [...ipv4, ...ipv6]),
    rule(`all others to the ${name} ports`, 'Block', others),
  ]
}

/** Loopback, unless somebody named it. */
function without(loopback: string, networks: readonly string[]): string[] {
  return networks.some((network) => network.startsWith('127.')) ? [] : [loopback]
}

function quoted(texts: readonly string[]): string {
  return `@(\n${texts.map((text) => `      '${text}'`).join(',\n')}\n    )`
}

const FRAME = String.raw`
$Group = 'Tidegate upstream'
$Task = 'Tidegate firewall rollback'
# Only administrators may write there: what is in it runs as SYSTEM.
$State = Join-Path $env:ProgramFiles 'Tidegate firewall'
$Trial = Join-Path $State 'trial.ps1'
$Confirmed = Join-Path $State 'confirmed.ps1'

function Get-OurRules { @(Get-NetFirewallRule -Group $Group -ErrorAction SilentlyContinue) }

# New rules first, then the old ones away: at no moment are there none.
function Set-OurRules {
  $old = Get-OurRules
  $run = [guid]::NewGuid().ToString('N')
  $number = 0
  foreach ($rule in $Rules) {
    $number++
    $null = New-NetFirewallRule @rule -Name "tidegate-upstream-$run-$number" -Group $Group -Direction Inbound -Protocol TCP -Profile Any -Enabled True
  }
  $old | Remove-NetFirewallRule
}

function Assert-FirewallOn {
  $off = @(Get-NetFirewallProfile -PolicyStore ActiveStore | Where-Object { $_.Enabled -ne 'True' })
  if ($off.Count -gt 0) { throw "The Windows firewall is off for: $($off.Name -join ', '). Turn it on first." }
  $deaf = @(Get-NetFirewallProfile -PolicyStore ActiveStore | Where-Object { $_.AllowLocalFirewallRules -eq 'False' })
  if ($deaf.Count -gt 0) { throw "A group policy ignores local rules for: $($deaf.Name -join ', '). Set the rules there." }
}

function Restore-Before {
  if (Test-Path $Confirmed) { & $Confirmed restore } else { Get-OurRules | Remove-NetFirewallRule }
  Remove-Item $Trial -ErrorAction SilentlyContinue
  Unregister-ScheduledTask -TaskName $Task -Confirm:$false -ErrorAction SilentlyContinue
}

switch ($Command) {
  'dry-run' {
    foreach ($rule in $Rules) {
      "$($rule.Action) TCP $($rule.LocalPort -join ', '): $($rule.DisplayName)"
      $rule.RemoteAddress | ForEach-Object { "  $_" }
    }
    Assert-FirewallOn
    'Nothing was changed.'
  }
  'apply' {
    Assert-FirewallOn
    $null = New-Item -ItemType Directory -Force -Path $State
    if ($PSCommandPath -ne $Trial) { Copy-Item -Force $PSCommandPath $Trial }
    # Before anything changes: whatever happens to this session, and over a restart too, this comes.
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -ExecutionPolicy Bypass -File ""$Trial"" take-back"
    $trigger = New-ScheduledTaskTrigger -Once -At (Get-Date).AddSeconds($RollbackAfterSeconds)
    $settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
    $null = Register-ScheduledTask -TaskName $Task -Action $action -Trigger $trigger -Settings $settings -User 'SYSTEM' -RunLevel Highest -Force
    try { Set-OurRules } catch { Restore-Before; throw }
    "The rules hold for $RollbackAfterSeconds s. Log in once more from elsewhere and try the service; if all is well: confirm"
  }
  'confirm' {
    if (-not (Test-Path $Trial)) { throw 'Nothing is in trial: apply first. Was it rolled back meanwhile?' }
    Unregister-ScheduledTask -TaskName $Task -Confirm:$false -ErrorAction SilentlyContinue
    Move-Item -Force $Trial $Confirmed
    'Confirmed.'
  }
  'rollback' {
    if (-not (Test-Path $Trial)) { throw 'Nothing is in trial. To take confirmed rules away: uninstall' }
    Restore-Before
    'Taken back.'
  }
  'take-back' { if (Test-Path $Trial) { Restore-Before } }
  'restore' { Set-OurRules }
  'status' {
    if (Test-Path $Trial) { 'In trial.' } elseif (Test-Path $Confirmed) { 'Confirmed.' } else { 'Not applied.'; exit 1 }
    $ours = Get-OurRules
    $ours | Format-Table DisplayName, Action, Enabled
    if (@($ours | Where-Object { $_.Enabled -eq 'True' }).Count -ne $Rules.Count) { 'But the rules are not in place as they were set: apply again.'; exit 1 }
  }
  'uninstall' {
    Get-OurRules | Remove-NetFirewallRule
    Unregister-ScheduledTask -TaskName $Task -Confirm:$false -ErrorAction SilentlyContinue
    Remove-Item -Recurse -Force $State -ErrorAction SilentlyContinue
    'Nothing of ours is left.'
  }
}
`
