-- wrk: 1,000 different JSON documents of 1.5 KB, posted in turn. PATH_PREFIX goes in front of the path.
local words = {"refund", "order", "customer", "policy", "shipment", "within", "thirty", "days", "delivery", "damaged", "please", "weather"}
local documents = {}
math.randomseed(11)
for i = 1, 1000 do
  local parts = {string.format('{"model":"bench-1","user":"u%d","messages":[{"role":"user","content":"', i)}
  local len = #parts[1]
  while len < 1490 do
    local word = words[math.random(#words)] .. " " .. math.random(9999) .. " "
    parts[#parts + 1] = word
    len = len + #word
  end
  parts[#parts + 1] = '"}]}'
  documents[i] = table.concat(parts)
end
local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer sk-bench-0123456789abcdef", ["X-Stainless-Lang"] = "python",
                 ["User-Agent"] = "OpenAI/Python 3.3.1", ["Accept"] = "application/json", ["Host"] = "127.0.0.1"}
local path = (os.getenv("BENCH_PATH") or "/v1/chat/completions")
local n = 0
request = function()
  n = n % 1000 + 1
  return wrk.format("POST", path, headers, documents[n])
end
done = function(summary, latency)
  io.write(string.format('RESULT {"requests":%d,"us":%d,"errors":%d,"p50":%d,"p99":%d}\n', summary.requests, summary.duration,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
