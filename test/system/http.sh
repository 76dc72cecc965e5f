# SPDX-License-Identifier: Apache-2.0
# HTTP from end to end: a slow endpoint of a real service is caught and named, and its stacks say what it waits for.
pid=$(main_pid)
slow=
policy web web.service 'http-avg-response-time >= 250ms for 3 of 10s on /api/orders' 'Profile=on-cpu off-cpu' Duration=4s
printf '[Trigger]\nWhen=http-avg-response-time >= 250ms for 1 of 10s on /api/products\n' >>$POLICIES/web.policy
printf '[Trigger]\nWhen=http-error-rate >= 50%% for 1 of 10s matching ^/api/(orders|products)$\n' >>$POLICIES/web.policy
check 'policies about URIs are loaded' poll 5 policy_is web loaded

systemd-run --quiet --unit=web /usr/bin/python3 /cprof/test/system/shop-web.py serve 8088 5
answers() {
        curl -s -o /dev/null http://127.0.0.1:8088/
}
check 'the shop is open' poll 10 answers
systemd-run --quiet --unit=customers /usr/bin/python3 /cprof/test/system/shop-web.py visit 8088

seen() { # URI: has a rate
        cprofctl --no-pager http web >/tmp/http.out 2>&1 && cat /tmp/http.out && grep -F "$1 " /tmp/http.out | grep -q '[1-9][0-9.]*  *0.00'
}
check 'the requests of each rule are shown' poll 10 seen /api/orders
check '… those of a pattern too' seen '^/api/(orders|products)$'
check 'nothing happens while it is quick' n_tasks_is '.unit == "web.service"' 0

caught() {
        poll 25 n_tasks_is '.unit == "web.service"' 1 || return 1
        slow=$(tasks '.unit == "web.service"')
        poll 15 task_is "$slow" finished && task_field "$slow" .causes &&
                equal "$(task_field "$slow" '.causes | length')" 1 &&
                task_field "$slow" '.causes[0] | tostring' | grep -q '/api/orders'
}
check 'a slow endpoint gives one task, whose cause is its URI' caught

told() {
        journalctl --sync
        journalctl -q -o cat CPROF_UNIT=web.service "CPROF_TASK_ID=$slow" | tee /tmp/journal.out
        grep -q 'http-avg-response-time' /tmp/journal.out && grep -q '/api/orders' /tmp/journal.out
}
check 'the journal names metric and URI' told

waits() {
        cprofctl task export "$slow" --format=folded-offcpu -o /tmp/off.folded && sort -t' ' -k2 /tmp/off.folded | cut -c1-600
        # most of what threads that serve waited for is the lock of the stock
        awk '/do_GET.*reserve_stock/ { lock += $NF } /do_GET/ { all += $NF } END { print lock, all; exit !(lock > 1000000 && lock > all * 0.9) }' \
                /tmp/off.folded
}
check 'its off-CPU stacks show the lock that it waits for' waits

windows() {
        cprofctl --no-pager unit windows web | tee /tmp/windows.out
        grep -q 'on /api/orders' /tmp/windows.out && grep -q 'matching \^/api/(orders|products)' /tmp/windows.out
}
check 'each rule has its window' windows
check 'one task is all there is' n_tasks_is '.unit == "web.service"' 1
check 'the daemon lives' alive_since "$pid"
