# shellcheck shell=bash disable=SC2154,SC2034  # sourced by gpu-check.sh
# Running parts: each has a time limit; failures are isolated and named.

failed=0 not_run='' not_finished='' verdict='' log='' took='' number=0 section='' running='' section_began=0 cpu_before=0
refused=''          # why a tool of NVIDIA's does not work on this machine
isolation_left=150  # seconds of a run for tests in processes of their own

# cpu_seconds: processor seconds that all finished children of this script have used.
cpu_seconds() {
  awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*[)] /, ""); printf "%.1f", ($14 + $15) / hz }' /proc/$$/stat
}

begin_section() {
  section_began=$SECONDS cpu_before=$(cpu_seconds)
  echo "== $section" >&2
}

# Adds the section to the report. In a trial, a timing section may take a minute of processor time.
end_section() {
  local cpu
  cpu=$(awk -v a="$cpu_before" -v b="$(cpu_seconds)" 'BEGIN { printf "%.0f", b - a }')
  sections_table+="| $section | $((SECONDS - section_began)) s | $cpu s |"$'\n'
  case "$device $section" in
    *" smoke" | *" tests" | *" sanitizers" | "cuda "*) ;;
    *) [ "$cpu" -lt 60 ] || complain "$section took $cpu s of processor time in a trial; expected less than 60" ;;
  esac
}

# complain WHAT: a failure that is no part's.
complain() {
  failed=$((failed + 1))
  failures+="* $1"$'\n'
}

# leave_out NAME WHY
leave_out() {
  note "$1" "NOT RUN" "" "$2"
  not_run+="${not_run:+; }$1 ($2)"
}

# seconds_for MOST: what is left of the time limit, at most MOST; everything in a trial.
seconds_for() {
  local left=$((60 * minutes - SECONDS))
  [ "$device" = cuda ] || { echo 1200; return; }
  [ "$left" -lt "$1" ] && echo "$left" || echo "$1"
}

# limited SECONDS LOG COMMAND...: ends the command after this time, by force if necessary; 124 or 137 then.
limited() {
  local seconds=$1 to=$2
  shift 2
  timeout -k 5 "$seconds" "$@" >"$to" 2>&1 </dev/null &
  running=$!
  wait $running  # unlike a command in the foreground, a wait ends when a signal arrives
}

# attempt SECONDS NAME COMMAND...: runs the command, on a GPU for at most SECONDS; sets `verdict` to the outcome.
attempt() {
  local most=$1 name=$2 start=$SECONDS cpu status seconds
  shift 2
  number=$((number + 1)) verdict=passed took=''
  log=$logs/$(printf '%02d' $number)-$section-$(echo "$name" | tr -c 'A-Za-z0-9\n' '-' | cut -c 1-60).log
  seconds=$(seconds_for "$most")
  if [ "$seconds" -lt 5 ]; then
    verdict="NOT RUN"
    return
  fi
  echo "   $name" >&2
  cpu=$(cpu_seconds)
  limited "$seconds" "$log" "$@"
  status=$?
  took="$((SECONDS - start)) s, CPU $(awk -v a="$cpu" -v b="$(cpu_seconds)" 'BEGIN { printf "%.0f", b - a }') s"
  [ $status = 0 ] || verdict="FAILED ($status)"
  [ $status != 124 ] && [ $status != 137 ] || verdict="NOT FINISHED"
}

# last_line FILE: the last line of output, or that of the error.
last_line() {
  local last
  last=$(grep -v '^ *$' "$1" | tail -n 1 | cut -c 1-300)
  [ "${last:0:1}" = "|" ] && last="table below"
  echo "${last//|//}"
}

# refusal: the line of the latest log in which one of NVIDIA's tools says that it cannot work on this machine.
refusal() {
  grep -m 1 -E 'ERR_NVGPUCTRPERM|Failed to initialize the profiler|LibraryNotLoaded|Device not supported' "$log" |
    tr -s '=| ' ' ' | cut -c 1-200
}

# record NAME: adds a table row with the outcome of the attempt and its last line of output. Nothing has failed if a tool
# does not work on this machine; `refused` says why then.
record() {
  refused=''
  [[ $verdict != FAILED* ]] || refused=$(refusal)
  [ -z "$refused" ] || { leave_out "$1" "$refused"; return; }
  case "$verdict" in
    "NOT RUN") leave_out "$1" "the time limit of $minutes minutes is reached"; return ;;
    "NOT FINISHED") not_finished+="${not_finished:+; }$1" ;;
    FAILED*)
      complain "$1: $verdict: $(last_line "$log")"
      tail -n 20 "$log" >&2
      ;;
  esac
  note "$1" "$verdict" "$took" "$(last_line "$log")"
}

# part SECONDS NAME COMMAND...: an attempt, recorded. If a kernel failed, the command runs again so that its error
# names the kernel.
part() {
  attempt "$@"
  record "$2"
  [[ $verdict = FAILED* ]] && grep -q CUDA_LAUNCH_BLOCKING=1 "$log" || return 0
  local name=$2 failed_log=$log seconds
  seconds=$(seconds_for "$1")
  shift 2
  [ "$seconds" -ge 5 ] || return 0
  limited "$seconds" "$failed_log.blocking.log" env CUDA_LAUNCH_BLOCKING=1 HEWN_CUDA_GRAPH=false "$@"
  failures+="  $name, launches blocking: $(last_line "$failed_log.blocking.log")"$'\n'
}

# tests SECONDS NAME PROGRAM PATTERN FEWER: runs all tests that match PATTERN; in a trial only those that also match
# FEWER. A pattern without matches is a failure.
tests() {
  local pattern=$4
  [ "$device" = cuda ] || pattern+=$5
  part "$1" "$2" "$3" -w NoTests "$pattern"
  case "$verdict" in
    "NOT FINISHED") isolate "$3" "$pattern" ;;
    FAILED*) if names_failures; then list_failures; else isolate "$3" "$pattern"; fi ;;
  esac
}

# names_failures: whether the test program ran to its end without an error that later tests inherit. Its output then names
# the tests that failed.
names_failures() {
  grep -E '^test cases: .* failed' "$log" >/dev/null && ! grep CUDA_LAUNCH_BLOCKING=1 "$log" >/dev/null
}

# list_failures: the first ten tests that failed, each with its first failure. Names are between lines of dashes.
list_failures() {
  alone+=$(awk 'function flush() {
      if (text != "" && !(name in told) && ++listed <= 10) {
        told[name]; gsub(/[ \t]+/, " ", text); print "* FAILS: " name ":" substr(text, 1, 400)
      }
      text = ""; left = 0
    }
    /^-+$/ && length($0) == 79 { flush(); heading = !heading; if (heading) name = ""; next }
    heading { sub(/^ +/, ""); name = name (name == "" ? "" : ", ") $0; next }
    text == "" && /FAILED:|unexpected exception/ { left = 9 }
    left > 0 { --left; text = text " " $0 }
    END { flush() }' "$log")$'\n'
}

# isolate PROGRAM PATTERN: after a failure, runs each matching test, and each room of the conformance test, in a process
# of its own, since an error on a GPU ends its use by the process, and with blocking launches, since only then it names
# the kernel. Takes at most `isolation_left` seconds in a run, so that the steps are timed all the same.
isolate() {
  local program=$1 pattern=$2 seed test began=$SECONDS until list=$work/tests room not_alone=0
  until=$((SECONDS + $(seconds_for "$isolation_left")))
  seed=$(sed -n 's/^random inputs: HEWN_TEST_SEED=//p' "$log" | head -n 1)
  "$program" --list-test-names-only "$pattern" 2>/dev/null >"$list"
  [ -s "$list" ] || "$program" --list-tests --verbosity quiet "$pattern" 2>/dev/null >"$list"
  while IFS= read -r test; do
    [ -n "$test" ] || continue
    if [ "$test" = "every GPU rung equals the reference" ]; then
      for room in $(rooms); do isolated "$program" "$seed" "$test" "$until" -c "$room"; done
    else
      isolated "$program" "$seed" "$test" "$until"
    fi
  done <"$list"
  [ $not_alone = 0 ] || alone+="* not run alone, for lack of time: $not_alone more"$'\n'
  isolation_left=$((isolation_left - (SECONDS - began)))
}

# isolated PROGRAM SEED TEST UNTIL [OPTION...]
isolated() {
  local program=$1 seed=$2 test=$3 seconds=$(($4 - SECONDS)) status own
  shift 4
  number=$((number + 1))
  own=$logs/$(printf '%02d' $number)-alone-$(echo "$test $*" | tr -c 'A-Za-z0-9\n' '-' | cut -c 1-60).log
  [ "$seconds" -lt 30 ] || seconds=30
  if [ "$seconds" -lt 2 ]; then
    not_alone=$((not_alone + 1))
    return
  fi
  limited "$seconds" "$own" env CUDA_LAUNCH_BLOCKING=1 HEWN_TEST_SEED="$seed" "$program" -w NoTests "$@" "\"$test\""
  status=$?
  case $status in
    0) ;;
    124 | 137) alone+="* HANGS: $test $*: $(last_line "$own")"$'\n' ;;
    *) alone+="* FAILS: $test $*: $(what_failed "$own")"$'\n' ;;
  esac
}

# what_failed LOG: the first failure in the output of a test program, in one line.
what_failed() {
  grep -m 1 -A 8 -E 'FAILED:|unexpected exception' "$1" | grep -v '^ *$' | tr -s ' \n' ' ' | cut -c 1-400
}

# rooms: the rooms of the conformance test.
rooms() {
  "$hewn" info 2>/dev/null | sed -n 's/^\([a-z_]*\)\(\.[a-z_]*\)\{0,1\}$/\1/p' |
    sed 's/^\(unary\|binary\)$/elementwise/; s/^\(expand\|max\)$/reduce/; s/^swiglu$/activation/' | sort -u
}

# table_of SECONDS NAME COMMAND...: a part that prints a Markdown table, which is included completely.
table_of() {
  part "$@"
  [ "$verdict" = passed ] && tables+="**$2**"$'\n\n'"$(cat "$log")"$'\n\n'
}
