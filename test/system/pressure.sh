# SPDX-License-Identifier: Apache-2.0
# Units that wait for the CPU, and rules on paths as they are written and shown.
systemd-run --quiet --unit=crowd -p CPUAffinity=0 sh -c '/out/workload 0 0 & /out/workload 0 0 & exec /out/workload 0 0'
poll 5 systemctl is-active crowd

of_processes() {
        refused 'cpu-pressure has a value with Scope=unit only' cprofctl policy add crowd --unit crowd --when 'cpu-pressure >= 30% for 2 of 5s'
}
check 'pressure: a rule of processes is refused' of_processes

crowd() {
        local task
        cprofctl policy add crowd --unit crowd --scope unit --duration 2s --when 'cpu-pressure >= 30% for 2 of 5s' &&
                poll 15 n_tasks_is '.unit == "crowd.service"' 1 || return 1
        task=$(tasks '.unit == "crowd.service"')
        equal "$(task_field "$task" '.causes[0] | .metric, .rule' | paste -sd,)" 'cpu-pressure,cpu-pressure >= 30% for 2 of 5s' &&
                task_field "$task" '.causes[0] | .value >= 30 and .value <= 100 and .pid == 0' | grep -qx true &&
                task_field "$task" '.causes[0] | has("uri") or has("uri_regex")' | grep -qx false && journalctl --sync &&
                journalctl -q "CPROF_TASK_ID=$task" CPROF_METRIC=cpu-pressure | grep -E 'crowd.service has cpu-pressure [0-9.]+% \(>= 30% in 2 of 5 s\)'
}
check 'pressure: a unit whose threads share a CPU is recorded, and the journal says why' crowd

shown() {
        equal "$(window_field crowd true '[.metric, .metric_unit, .status, .process] | join(",")')" 'cpu-pressure,%,armed,' &&
                window_field crowd true '.values[-1] >= 30' | grep -qx true &&
                cprofctl --no-pager unit windows crowd | grep 'cpu-pressure >= 30%'
}
check 'pressure: its last seconds are shown' shown

not_accounted() {
        local file=/sys/fs/cgroup/system.slice/crowd.service/cgroup.pressure
        [ -w "$file" ] || { echo "before Linux 6.1"; return 0; }
        echo 0 >"$file" && poll 5 eval 'equal "$(window_field crowd true .status)" impossible' &&
                window_field crowd true .reason | grep -F 'not accounted for this cgroup' &&
                cprofctl --no-pager unit list | grep 'impossible' && echo 1 >"$file" &&
                poll 5 eval 'equal "$(window_field crowd true .status)" armed'
}
check 'pressure: a cgroup without accounting makes the rule impossible, with the reason' not_accounted

written_wrong() {
        refused 'column 3' cprofctl policy add bad --unit crowd --when 'http-error-rate >= 5% matching /a(?=b)' &&
                refused "the query is not part of what is matched, write '/a'" \
                        cprofctl policy add bad --unit crowd --when 'http-error-rate >= 5% on /a?b=1' &&
                refused 'process-cpu is not about requests' cprofctl policy add bad --unit crowd --when 'process-cpu >= 5% on /a' &&
                gone_policy bad
}
check 'requests: what cannot be matched is refused with its place' written_wrong

paths() {
        cprofctl policy add slow --unit crowd --when 'http-avg-response-time >= 0.25s for 10 of 30s on /api/orders /api/pay' \
                --when 'http-error-rate >= 5% for 30s matching ^/api/' || return 1
        equal "$(policy_field slow '.triggers | join("; ")')" "http-avg-response-time >= 250ms for 10 of 30s on /api/orders; \
http-avg-response-time >= 250ms for 10 of 30s on /api/pay; http-error-rate >= 5% for 30s matching ^/api/" &&
                equal "$(window_field crowd '.policy == "slow"' '.uri + "|" + .uri_regex' | sort -u | paste -sd,)" \
                        '/api/orders|,/api/pay|,|^/api/' &&
                COLUMNS=80 cprofctl --no-pager unit windows crowd | grep -E ' http-avg-response-time >= 250ms on /api/orders$'
}
check 'requests: each path is a rule with a row of its own' paths
