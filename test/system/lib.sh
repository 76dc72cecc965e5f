# SPDX-License-Identifier: Apache-2.0
# For the cases in test/system: TAP, waiting, workloads, tasks. Sourced.
export SYSTEMD_PAGER='' SYSTEMD_COLORS=0 NO_COLOR=1 LANG=C.UTF-8 COLUMNS=160 DEBIAN_FRONTEND=noninteractive
NAME=org.skywalking.ContinuousProfiling1
OBJECT=/org/skywalking/ContinuousProfiling1
POLICIES=/etc/cprof/policies.d
TASKS=/var/lib/cprof/tasks

tap() {
        printf '%s\n' "$*" | tee -a "$TAP"
}

not_ok() { # NAME [FILE-WITH-WHAT-WAS-SEEN]
        tap "not ok - $1"
        if [ -n "${2:-}" ]; then tail -n 15 "$2" | cut -c1-400 | sed 's/^/# /' | tee -a "$TAP"; fi
}

# Reads to the end with -q, too: where the reader leaves at the first match, its writer may fail, and with pipefail the whole pipe.
grep() {
        local options=${1:-}
        case $options in
        -[a-zA-Z]*)
                if [[ $options == *q* ]]; then
                        options=${options/q/}
                        [ "$options" != - ] || options=
                        command grep ${options:+"$options"} "${@:2}" | cat >/dev/null
                        return "${PIPESTATUS[0]}"
                fi
                ;;
        esac
        command grep "$@"
}

check() { # NAME COMMAND…: a case that is good when COMMAND says so; runs in this shell
        local name=$1
        shift
        echo "== $SECONDS s: $name"
        if "$@" >/tmp/check.out 2>&1; then tap "ok - $name"; else not_ok "$name" /tmp/check.out; fi
        cat /tmp/check.out
}

poll() { # SECONDS COMMAND…: until it is true
        local end=$((SECONDS + $1))
        shift
        until "$@" >/tmp/poll.out 2>&1; do
                ((SECONDS < end)) || { echo "still not after waiting: $*"; cat /tmp/poll.out; return 1; }
                sleep 0.1
        done
        cat /tmp/poll.out
}

stays() { # SECONDS COMMAND…: true all that time
        local end=$((SECONDS + $1))
        shift
        while ((SECONDS <= end)); do
                "$@" >/tmp/stays.out 2>&1 || { echo "not for long: $*"; cat /tmp/stays.out; return 1; }
                sleep 0.2
        done
}

refused() { # TEXT COMMAND…: fails and says TEXT (a fixed string)
        local text=$1
        shift
        if "$@" >/tmp/refused.out 2>&1; then
                echo "was not refused: $*"
                return 1
        fi
        grep -qF -- "$text" /tmp/refused.out || { echo "does not say '$text': $*"; cat /tmp/refused.out; return 1; }
}

equal() { # A B
        [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }
}

call() { # METHOD [SIGNATURE ARGUMENTS…]
        busctl call "$NAME" "$OBJECT" "$NAME" "$@"
}

property() { # NAME
        busctl get-property "$NAME" "$OBJECT" "$NAME" "$1"
}

policy() { # NAME UNIT RULE [LINE-OF-[Policy]…]: a policy file as an editor would write it
        local name=$1 unit=$2 when=$3
        shift 3
        mkdir -p "$POLICIES"
        printf '%s\n' '[Policy]' "Unit=$unit" "$@" '[Trigger]' "When=$when" >"$POLICIES/.$name"
        mv "$POLICIES/.$name" "$POLICIES/$name.policy"
}

policy_field() { # NAME JQ
        cprofctl --json=short policy list | jq -r --arg name "$1" ".[] | select(.name == \$name) | $2"
}

policy_is() { # NAME STATE
        equal "$(policy_field "$1" .state)" "$2"
}

gone_policy() { # NAME
        equal "$(policy_field "$1" .state)" ''
}

# Burns one core from now on, in functions with known names.
busy() { # UNIT [SYSTEMD-RUN-OPTIONS…]
        local unit=$1
        shift
        systemd-run --quiet --unit="$unit" -p Nice=-10 "$@" /out/workload 0 0
}

# Just lives: enough for rules about threads, and no burden on the machine.
idle() { # UNIT [SYSTEMD-RUN-OPTIONS…]
        local unit=$1
        shift
        systemd-run --quiet --unit="$unit" "$@" sleep 1000
}

tasks() { # JQ-CONDITION: their IDs, oldest first
        cprofctl --json=short task list | jq -r "reverse | .[] | select($1) | .id"
}

n_tasks_is() { # JQ-CONDITION N
        equal "$(tasks "$1" | grep -c .)" "$2" || { cprofctl --no-pager task list; return 1; }
}

task_field() { # ID JQ
        cprofctl --json=short task info "$1" | jq -r "$2"
}

task_is() { # ID STATE
        equal "$(task_field "$1" .state)" "$2"
}

window_field() { # UNIT JQ-CONDITION JQ
        cprofctl --json=short unit windows "$1" | jq -r ".[] | select($2) | $3"
}

main_pid() {
        systemctl show -P MainPID cprofd
}

alive_since() { # PID [NRESTARTS]
        equal "$(systemctl is-active cprofd)" active && equal "$(main_pid)" "$1" &&
                equal "$(systemctl show -P NRestarts cprofd)" "${2:-0}" && cprofctl status >/dev/null
}
