# SPDX-License-Identifier: Apache-2.0
# Tasks over time: silence, several causes, new processes, restarts of the unit and of the daemon, kill -9.
pid=$(main_pid)
always='process-thread-count >= 1 for 1s'

# all of these run side by side
policy quiet quiet.service "$always" Duration=1s Silence=6s
policy both-1 both.service "$always" Duration=1s
policy both-2 both.service 'process-thread-count >= 1 for 1 of 4s' Duration=2s
policy pool pool.service "$always" Duration=1s Exe=*/sleep
policy again again.service "$always" Duration=20s Silence=4s
policy whole whole.service 'process-cpu >= 20% for 1 of 4s' Duration=8s Scope=unit
poll 5 policy_is whole loaded
mkfifo /tmp/more
idle quiet
idle both
systemd-run --quiet --unit=pool bash -c 'sleep 1000 & read -r _ </tmp/more; sleep 1000 & wait'
idle again
busy whole

one_for_both() {
        local id
        poll 5 n_tasks_is '.unit == "both.service"' 1 || return 1
        id=$(tasks '.unit == "both.service"')
        equal "$(task_field "$id" '[.causes[].policy] | sort | join(" ")')" 'both-1 both-2' &&
                equal "$(task_field "$id" .duration_usec)" 2000000 && journalctl --sync &&
                journalctl -q "CPROF_TASK_ID=$id" CPROF_POLICY=both-1 | grep -q . &&
                journalctl -q "CPROF_TASK_ID=$id" CPROF_POLICY=both-2 | grep -q .
}
check 'two policies that fire together make one task with both causes' one_for_both

worker() {
        poll 5 n_tasks_is '.unit == "pool.service" and .process == "sleep"' 1 && echo go >/tmp/more &&
                poll 5 n_tasks_is '.unit == "pool.service" and .process == "sleep#2"' 1
}
check 'a new worker of a known unit is watched and gets a task of its own' worker

restarted_whole() {
        local id n
        poll 5 n_tasks_is '.unit == "whole.service"' 1 || return 1
        id=$(tasks '.unit == "whole.service"')
        sleep 1
        n=$(task_field "$id" .n_samples)
        systemctl restart whole && poll 15 task_is "$id" finished && equal "$(task_field "$id" .reason)" 'duration reached' || return 1
        # the new process made most of the samples
        echo "$n samples before, $(task_field "$id" .n_samples) in all"
        [ "$(task_field "$id" .n_samples)" -gt $((n + 100)) ]
}
restarted() {
        local first
        poll 5 n_tasks_is '.unit == "again.service"' 1 || return 1
        first=$(tasks '.unit == "again.service"')
        systemctl restart again && poll 5 task_is "$first" finished && equal "$(task_field "$first" .reason)" 'process exited' || return 1
        poll 10 n_tasks_is '.unit == "again.service"' 2 || return 1
        task_field "$(tasks '.unit == "again.service"' | tail -1)" .pid | grep -qx "$(systemctl show -P MainPID again)"
}
check 'a task of a unit goes on when the unit restarts' restarted_whole
check 'a task of a process ends with it; the new one is watched, after the silence' restarted

silence() {
        local times
        poll 20 n_tasks_is '.unit == "quiet.service"' 2 || return 1
        times=$(cprofctl --json=short task list | jq -r '[.[] | select(.unit == "quiet.service") | .started_realtime_usec] | sort | .[1] - .[0]')
        echo "$times us apart"
        # decisions fall on whole seconds, give or take the moments until the task runs
        [ "$times" -gt 5500000 ] && [ "$times" -lt 9500000 ]
}
check 'a second task comes only when the silence has run out' silence
check 'one task for both policies is all there is' n_tasks_is '.unit == "both.service"' 1
check 'tasks: the daemon is the one that was started' alive_since "$pid"
rm $POLICIES/*.policy
systemctl stop quiet both pool again whole

policy crash crash.service 'process-cpu >= 20% for 2 of 4s' Duration=60s Silence=60s
poll 5 policy_is crash loaded
busy crash

killed() {
        poll 10 n_tasks_is '.unit == "crash.service" and .state == "running"' 1 || return 1
        crash=$(tasks '.unit == "crash.service"')
        poll 15 test -s "$TASKS/$crash/profile.pb.gz" || return 1
        systemctl kill --kill-whom=main -s KILL cprofd
        poll 10 cprofctl status || return 1
        task_is "$crash" failed && task_field "$crash" .reason && [ "$(task_field "$crash" .n_samples)" -gt 0 ] &&
                cprofctl task export --format=folded -o - "$crash" | grep -q resize_images
}
check 'kill -9: systemd starts it again, the task has failed and keeps its profile' killed
pid=$(main_pid)
check '… and the silence holds' stays 4 n_tasks_is '.unit == "crash.service"' 1

stopped() {
        local id
        id=$(cprofctl profile crash --duration 60s --no-wait) && sleep 2 && systemctl stop cprofd && systemctl start cprofd &&
                task_is "$id" failed && equal "$(task_field "$id" .reason)" 'cprofd was stopped' &&
                [ "$(task_field "$id" .n_samples)" -gt 0 ] &&
                cprofctl task export --format=folded -o - "$id" | grep -q resize_images
}
check 'one restart was needed, no more' alive_since "$pid" 1
check 'systemctl stop in a task: failed, with its profile' stopped
