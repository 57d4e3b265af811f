-- SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
-- What a run of wrk came to, in one line: requests, microseconds, bytes of plaintext in both
-- directions, nanoseconds of wrk's own CPU time, errors.
function done(summary, latency, requests)
   local e = summary.errors
   print(string.format("report %d %d %d %.0f %d", summary.requests, summary.duration,
                       summary.bytes + summary.requests * #wrk.format(), os.clock() * 1e9,
                       e.connect + e.read + e.write + e.status + e.timeout))
end
