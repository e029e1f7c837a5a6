#!/usr/bin/env bash
# What a gateway takes that does nothing: the size of the program, how soon it
# is ready on a database of 100,000 entries, and how much memory it keeps. It
# also builds the program twice and compares. Needs Go and curl, on Linux.
#
#   bash bench/footprint.sh [ENTRIES]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
entries=${1:-100000}
dir=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -INT "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT

build() { CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -o "$1" ./cmd/scrip; }
build "$dir/scrip"
build "$dir/again"
cmp -s "$dir/scrip" "$dir/again" && same=yes || same=no
port=$((20000 + RANDOM % 20000))
cat >"$dir/scrip.yaml" <<YAML
version: 1
storage: sqlite:$dir/scrip.db
listen: 127.0.0.1:$port
unit: {code: credits, scale: 2, price: 0.08 usd}
connections:
  main: {provider: stripe, api_key: env:KEY, webhook_secrets: [env:HOOK], base_url: "http://127.0.0.1:1"}
route: {primary: main}
YAML
export KEY=sk_test_footprint HOOK=whsec_footprint SCRIP_ADMIN_KEY=scrip_admin_of_the_footprint
url=http://127.0.0.1:$port
start() {
  begun=$(date +%s%N)
  "$dir/scrip" serve -c "$dir/scrip.yaml" 2>"$dir/log" &
  pid=$!
  until curl -sf -o /dev/null "$url/readyz"; do kill -0 "$pid" || { cat "$dir/log" >&2; exit 1; }; done
  ready=$((($(date +%s%N) - begun) / 1000000))
}
stop() { kill -INT "$pid"; wait "$pid" || true; pid=; }
api() { curl -sf -o /dev/null -H 'Content-Type: application/json' -H "Authorization: Bearer $SCRIP_ADMIN_KEY" -H "Idempotency-Key: $3" -X "$1" -d "$4" "$url$2"; }

start
for c in $(seq 1 100); do
  api PUT "/v1/customers/c$c" "" '{}'
  api POST "/v1/customers/c$c/grants" "g$c" '{"amount":"1000000","category":"promotional"}'
done
for b in $(seq 1 $(((entries - 100 + 999) / 1000))); do
  for c in $(seq 1 100); do
    for i in 1 2 3 4 5 6 7 8 9 10; do printf ',{"key":"%s","customer":"c%s","amount":"0.01"}' "$b/$c/$i" "$c"; done
  done | sed '1s/^,/{"debits":[/; $s/$/]}/' >"$dir/batch"
  api POST /v1/debits/batch "" "@$dir/batch"
done
stop
best=
for _ in 1 2 3 4 5; do
  start
  [[ -n $best && $best -le $ready ]] || best=$ready
  sleep 5
  memory=$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")
  stop
done
printf 'program        %s KiB, two builds are the same: %s\n' "$(($(stat -c %s "$dir/scrip") / 1024))" "$same"
printf 'database       %s KiB, about %s entries\n' "$(($(stat -c %s "$dir/scrip.db") / 1024))" "$entries"
printf 'ready within   %s ms, the best of five starts\n' "$best"
printf 'resident       %s KiB, idle for 5 s, of the last start\n' "$memory"
