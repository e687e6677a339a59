#!/bin/sh
# Our tables against the real tool: flat, cum and total of every function and line equal those of `go tool pprof -top`,
# on profiles of a real Go program and on random ones full of corner cases, whole and with -focus.
# test_pprof.sh REPORT_TOP RANDOM_PROFILE PROFILES
set -eu
report_top=$1 random_profile=$2 profiles=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

if ! command -v go >/dev/null; then
    echo "go is not installed: nothing to compare with"
    exit 77
fi

# Lines of pprof in report_top's form. In base units the unit is cut off its numbers; 0 has none.
normalize() {
    unit='([a-zA-Z]*)'
    if [ "$1" != auto ]; then unit='()[a-zA-Z]*'; fi
    sed -E -n -e "s/^Showing nodes accounting for .* of ([0-9.]+)$unit total\$/total \1\2/p" \
        -e 's/ \((partial-)?inline\)$//' \
        -e "s/^ *(-?[0-9.]+)$unit +[0-9.e+-]+% +[0-9.e+-]+% +(-?[0-9.]+)$unit +[0-9.e+-]+%  (.*)\$/\1\2 \3\4 \5/p"
}

# compare FILE SAMPLE_TYPE UNIT functions|lines|auto [FOCUS]
compare() {
    focus=${5:+-focus=$5}
    lines=
    if [ "$4" = lines ]; then lines=-lines; fi
    go tool pprof -symbolize=none -top $lines -nodecount=0 -nodefraction=0 -edgefraction=0 -unit="$3" \
        -sample_index="$2" ${focus:+"$focus"} "$1" 2>/dev/null | normalize "$3" | sort >"$work/theirs"
    if [ $# = 5 ]; then
        "$report_top" "$1" "$2" "$4" "$5" | sort >"$work/ours"
    else
        "$report_top" "$1" "$2" "$4" | sort >"$work/ours"
    fi
    if [ "$(wc -l <"$work/theirs")" -lt 2 ] || ! diff "$work/theirs" "$work/ours" >"$work/diff"; then
        echo "not equal: $*"
        head -n 10 "$work/diff"
        failed=1
    fi
}

compare "$profiles/cpu.pprof" cpu ns functions
compare "$profiles/cpu.pprof" cpu ns lines
compare "$profiles/cpu.pprof" samples count functions 'rec.rse|^main\.words$'
compare "$profiles/heap.pprof" alloc_space B functions
compare "$profiles/heap.pprof" alloc_objects count lines
compare "$profiles/heap.pprof" inuse_space B functions 'main\.grow'
compare "$profiles/mutex.pprof" delay ns functions
compare "$profiles/block.pprof" delay ns lines
compare "$profiles/block.pprof" delay auto auto
compare "$profiles/heap.pprof" alloc_space auto auto

for seed in 1 2 3; do
    "$random_profile" $seed "$work/random"
    compare "$work/random" cpu ns functions
    compare "$work/random" samples count lines
done
compare "$work/random" cpu auto auto
compare "$work/random" cpu ns functions '^render$'
compare "$work/random" cpu ns lines 'b/c'
"$random_profile" 5 "$work/random"
compare "$work/random" cpu ns functions 'libone|push_back'
exit $failed
