# SPDX-License-Identifier: Apache-2.0
# The bus by hand: every method through busctl, what others may do, what is refused and how.
pid=$(main_pid)
idle orders
busy app
text=$'[Policy]\nUnit=orders.service\nDuration=2s\nSilence=1min\n[Trigger]\nWhen=process-thread-count >= 1 for 2 of 3s\n'

# ListPolicies as it comes from the bus, of one policy, without its name and path
row() { # NAME
        call ListPolicies --json=short | jq -c --arg name "$1" '.data[0][] | select(.[0] == $name) | .[0] = "" | .[2] = ""'
}

three_ways() {
        local name
        printf '%s' "${text/orders/by-*}" | sed 's/by-\*/by-file/' >$POLICIES/file.policy
        printf '%s' "${text/orders/by-ctl}" >/tmp/ctl.policy
        cprofctl policy add ctl /tmp/ctl.policy || return 1
        call AddPolicy ssb bus "${text/orders/by-bus}" false || return 1
        poll 5 policy_is file loaded || return 1
        for name in file ctl bus; do
                row "$name" | sed "s/by-$name/by-x/" >"/tmp/row-$name"
                cat "/tmp/row-$name"
        done
        cmp /tmp/row-file /tmp/row-ctl && cmp /tmp/row-file /tmp/row-bus
}
mkdir -p $POLICIES
check 'a policy file, cprofctl policy add and AddPolicy are listed alike' three_ways

each_triggers() {
        local name
        for name in file ctl bus; do idle "by-$name"; done
        for name in file ctl bus; do
                poll 8 n_tasks_is ".unit == \"by-$name.service\" and .policy == \"$name\"" 1 || return 1
        done
}
check '… and each of them acts' each_triggers

remove_all() {
        call RemovePolicy s bus && cprofctl policy remove ctl && rm $POLICIES/file.policy &&
                poll 5 no_policy && [ -z "$(ls $POLICIES)" ]
}
no_policy() {
        equal "$(call ListPolicies)" 'a(sssssasasasassttu) 0'
}
check 'RemovePolicy, cprofctl policy remove and rm put it out of force' remove_all

windows() {
        call AddPolicy ssb orders "$text" true && [ -s /run/cprof/policies.d/orders.policy ] &&
                call GetPolicy s orders | grep -q /run/cprof/policies.d/orders.policy &&
                poll 5 grep_call '"orders" "sleep" [0-9]* "process-thread-count" "" 1 ' GetWindows s orders.service
}
grep_call() { # REGEX METHOD…
        local regex=$1
        shift
        call "$@" >/tmp/call.out && grep -q -- "$regex" /tmp/call.out || { cat /tmp/call.out; return 1; }
}
check 'AddPolicy for /run, GetPolicy, GetWindows' windows
check 'the task is in ListTasks with its cause' poll 8 grep_call '"orders.service" "sleep" [0-9]* "on-cpu" "orders" "process-thread-count >= 1 for 2 of 3s"' ListTasks
check 'ListUnits has the units' grep_call '"app.service" "[^"]*" "active" 1 1 ' ListUnits
check 'CheckPolicy says what is wrong and adds nothing' grep_call 'probe.policy:1: .*did you mean' CheckPolicy ss probe $'[Polcy]\nUnit=x'
check 'BadPolicy names the line' refused 'bad.policy:2: Unti=x' call AddPolicy ssb bad $'[Policy]\nUnti=x' false
check 'MaskPolicy and UnmaskPolicy' eval 'call MaskPolicy sb other true && policy_is other masked && call UnmaskPolicy sb other true && gone_policy other'

by_hand() {
        local id
        id=$(call StartTask sstu app.service on-cpu 60000000 0 | jq -Rr 'ltrimstr("s ") | fromjson')
        [ -n "$id" ] || return 1
        refused TaskExists call StartTask sstu app.service on-cpu 0 0 || refused already call StartTask sstu app.service on-cpu 0 0 || return 1
        refused NoSuchProcess call StartTask sstu app.service on-cpu 0 1 || refused 'has no process 1' call StartTask sstu app.service on-cpu 0 1 || return 1
        refused running call DeleteTask s "$id" || return 1
        sleep 1.5
        grep_call '\\"state\\": *\\"running\\"' GetTask s "$id" || return 1
        call StopTask s "$id" && poll 5 task_is "$id" stopped && [ "$(task_field "$id" .n_samples)" -gt 0 ] || return 1
        refused 'not running' call StopTask s "$id" || return 1
        # busctl cannot keep a descriptor; that one comes is seen here, what it carries by cprofctl
        call GetProfile ss "$id" folded && cprofctl task export --format=folded -o - "$id" | grep -q 'handle_request;resize_images ' || return 1
        call DeleteTask s "$id" && refused 'No task' call GetTask s "$id" && [ ! -e "$TASKS/$id" ]
}
check 'StartTask, GetTask, StopTask, GetProfile, DeleteTask' by_hand

signals() {
        local monitor id
        busctl --json=short --match="type='signal',interface='$NAME'" monitor >/tmp/signals 2>/tmp/monitor.err &
        monitor=$!
        poll 5 grep -q Monitoring /tmp/monitor.err || return 1
        policy told told.service 'process-cpu >= 90%'
        poll 5 policy_is told loaded
        policy told told.service 'process-cpu >= 91%'
        poll 5 eval 'grep -q PolicyChanged /tmp/signals'
        cprofctl policy remove told
        id=$(cprofctl profile app --duration 1s --no-wait)
        poll 8 grep -q "TaskFinished.*$id" /tmp/signals
        kill $monitor
        jq -c 'select(.member != null) | [.member, .payload.data]' /tmp/signals >/tmp/members
        cat /tmp/members
        grep -qxF '["PolicyAdded",["told"]]' /tmp/members && grep -qxF '["PolicyChanged",["told"]]' /tmp/members &&
                grep -qxF '["PolicyRemoved",["told"]]' /tmp/members && grep -qxF "[\"TaskStarted\",[\"$id\",\"app.service\",\"on-cpu\"]]" /tmp/members &&
                grep -qxF "[\"TaskFinished\",[\"$id\",\"app.service\",\"finished\",\"duration reached\"]]" /tmp/members
}
check 'signals tell of policies and tasks' signals

profile_verb() {
        cprofctl profile app --duration 1s >/tmp/profile.out && cat /tmp/profile.out && grep -q resize_images /tmp/profile.out
}
check 'cprofctl profile records and shows the hottest functions' profile_verb
check 'an unknown unit gets the nearest name' refused "did you mean 'orders.service'?" call GetWindows s ordres.service
check '… from cprofctl, too' refused "did you mean 'app.service'?" cprofctl profile aap.service
check 'strings of 1 MB and wrong types are answered with errors' /out/bus-abuse

as_nobody() {
        runuser -u nobody -- "$@"
}
readers() {
        local verb
        for verb in status 'unit list' 'policy list' 'unit windows orders.service' 'task list' 'task info' 'policy show orders'; do
                as_nobody cprofctl --no-pager $verb >/tmp/as-nobody || { echo "refused: $verb"; return 1; }
                [ -s /tmp/as-nobody ] || { echo "nothing from $verb"; return 1; }
        done
}
check 'an ordinary user may look' readers

writers() {
        local id before
        id=$(tasks true | head -1)
        before=$(call ListPolicies)
        refused 'Access denied' as_nobody busctl call $NAME $OBJECT $NAME AddPolicy ssb evil "$text" false || return 1
        refused 'Access denied' as_nobody busctl call $NAME $OBJECT $NAME RemovePolicy s orders || return 1
        refused 'Access denied' as_nobody busctl call $NAME $OBJECT $NAME MaskPolicy sb orders true || return 1
        refused 'Access denied' as_nobody busctl call $NAME $OBJECT $NAME StartTask sstu orders.service on-cpu 0 0 || return 1
        refused 'Access denied' as_nobody busctl call $NAME $OBJECT $NAME StopTask s "$id" || return 1
        refused 'Access denied' as_nobody busctl call $NAME $OBJECT $NAME DeleteTask s "$id" || return 1
        refused 'Access denied' as_nobody busctl call $NAME $OBJECT $NAME GetProfile ss "$id" folded || return 1
        refused 'Access denied' as_nobody busctl call $NAME $OBJECT $NAME Reload || return 1
        refused '' as_nobody cprofctl task export -o - "$id" || return 1
        refused '' as_nobody cat "$TASKS/$id/task.json" || return 1
        equal "$(call ListPolicies)" "$before" && [ -s "$TASKS/$id/task.json" ]
}
check 'but not change, record or read profiles, and nothing happens' writers
check 'bus: the daemon lived through all of it' alive_since "$pid"
