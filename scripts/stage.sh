# What the demo and the quickstarts share; sourced by them, from the root of the tree. Gives:
#   say TEXT...            a headline
#   run COMMAND...         prints the command, then runs it
#   ends_with N COMMAND... the same where exit status N is the answer; anything else ends the script
#   stand_in PROGRAM       starts a toy model unless OPENAI_API_KEY is set, and points OPENAI_BASE_URL at it
#   switch_off             ends the toy model
# and leaves the shell in an empty folder, $work, with `reenact` in PATH. $REENACT is used if set; else it is built.
root=$PWD
toy=
work=

say() { if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi; }

words() {
    local word
    for word in "$@"; do
        if [[ $word =~ ^[A-Za-z0-9_./:=,%+@{}-]+$ ]]; then printf ' %s' "$word"; else printf " '%s'" "$word"; fi
    done
}

run() {
    printf '\n$%s\n' "$(words "$@")"
    "$@"
}

ends_with() {
    local expected=$1 status=0
    shift
    run "$@" || status=$?
    echo "(exit status $status)"
    [ $status -eq "$expected" ] || { echo "$0: $expected was expected" >&2; exit 1; }
}

switch_off() {
    [ -z "$toy" ] || { kill "$toy" && wait "$toy" || true; } 2>/dev/null
    toy=
}

stand_in() {
    [ -z "${OPENAI_API_KEY:-}" ] || return 0
    say "No OPENAI_API_KEY is set, so a toy model stands in"
    python3 "$1" 0 >"$work/.port" &
    toy=$!
    for _ in $(seq 100); do [ -s "$work/.port" ] && break; sleep 0.05; done
    export OPENAI_BASE_URL=http://127.0.0.1:$(cat "$work/.port")/v1 OPENAI_API_KEY=sk-demo-0123456789abcdefghijklmnop
}

if [ -z "${REENACT:-}" ]; then
    say "Building reenact (the first time takes a minute)"
    REENACT=$(scripts/build release)
fi
PATH=$(dirname "$REENACT"):$PATH
reenact version
work=$(mktemp -d)
trap switch_off EXIT
cd "$work"
