# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts that boot beds; sourced, never run. $out is where the beds' results are.

ONCE_MORE_MAX=2 # beds; where more fail it is no accident

# Two at a time: a lane takes the next bed that nobody has taken.
lane() { # COMMAND BED…
        local command=$1 bed
        shift
        for bed; do
                ! mkdir "$out/taken-$bed" 2>/dev/null || "$command" "$bed"
        done
}

in_lanes() { # COMMAND BED…
        lane "$@" &
        lane "$@" &
        wait
}

# Cases in a bed wait for things that happen in time, and the machine may be somebody else's for a while: the beds that failed get a
# second go, alone. What they said at the first one is kept in BED.first.log and shown as a remark.
once_more() { # COMMAND, that fills $out/BED.tap; BED…
        local command=$1 bed failed=()
        shift
        for bed; do ! grep -q '^not ok' "$out/$bed.tap" || failed+=("$bed"); done
        [ ${#failed[@]} -le $ONCE_MORE_MAX ] || return 0
        for bed in "${failed[@]}"; do
                mv "$out/$bed.log" "$out/$bed.first.log"
                sed -n 's/^not ok/# at the first go: not ok/p' "$out/$bed.tap" >"$out/$bed.first"
                "$command" "$bed"
                cat "$out/$bed.first" >>"$out/$bed.tap"
        done
}
