-- Prints one line of JSON after wrk's own report. Defines no hook that runs per request.
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\nJSON {"requests":%d,"bytes":%d,"seconds":%.6f,"connectErrors":%d,"readErrors":%d,"writeErrors":%d,"statusErrors":%d,"timeouts":%d}\n',
    summary.requests, summary.bytes, summary.duration / 1e6, e.connect, e.read, e.write, e.status, e.timeout))
end
