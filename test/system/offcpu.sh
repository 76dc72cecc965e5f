# SPDX-License-Identifier: Apache-2.0
# What threads wait for: known waits add up, a server shows where it computes and where it waits.
pid=$(main_pid)

# Threads that wait in known ways; begins with a line in /tmp/go, then says how long each waited.
mkfifo /tmp/go
exec 3<>/tmp/go
systemd-run --quiet --unit=waits -p StandardInput=file:/tmp/go -p StandardOutput=file:/tmp/waits.out \
        /out/waiter sleep futex pipe socket stuck

microseconds() { # FILE THREAD: of all its stacks
        awk -v thread="$2" '{ n = $NF; sub(/;.*/, ""); if ($0 == thread) sum += n } END { print sum + 0 }' "$1"
}

between() { # PERCENT A LEAST MOST
        awk -v p="$1" -v a="$2" -v least="$3" -v most="$4" \
                'BEGIN { exit !(least > 0 && a * 100 >= least * (100 - p) && a * 100 <= most * (100 + p)) }' ||
                { echo "$2 is not within $1 % of $3 to $4"; return 1; }
}

within() { # PERCENT A B
        between "$1" "$2" "$3" "$3"
}

known() { # UNIT: to the daemon
        cprofctl --json=short unit list | jq -e --arg unit "$1.service" 'any(.[]; .unit == $unit or .name == $unit)'
}

waits_are_known() {
        local name wall cpu delay
        poll 5 grep -qx ready /tmp/waits.out || return 1
        poll 5 known waits || return 1
        waits=$(cprofctl profile waits --off-cpu --duration=60s --no-wait) && [ -n "$waits" ] || return 1
        sleep 1
        echo >&3
        poll 30 grep -qx done /tmp/waits.out && cprofctl task stop "$waits" && poll 5 task_is "$waits" stopped &&
                cprofctl task export "$waits" --format=folded-offcpu -o /tmp/waits.folded || return 1
        cat /tmp/waits.out
        sed -E 's/;.*( [0-9]+)$/\1/' /tmp/waits.folded
        while read -r name _ _ wall cpu delay; do
                [ -n "$cpu" ] || continue
                # a wait lasts until the thread runs again; waiting for a CPU after being preempted is none, and delay is both
                between 1 "$(microseconds /tmp/waits.folded "$name")" $(((wall - cpu - delay) / 1000)) $(((wall - cpu) / 1000)) ||
                        return 1
        done </tmp/waits.out
}
check 'the waits of a thread add up to the time that it did not run, within 1 %' waits_are_known

waits_since_ever() {
        local length
        length=$(task_field "$waits" '.ended_monotonic_usec - .started_monotonic_usec')
        within 2 "$(microseconds /tmp/waits.folded stuck)" "$length"
}
check 'a thread that never woke up waited all the time' waits_since_ever

waits_are_seen() {
        task_field "$waits" '.offcpu' && cprofctl --no-pager task info "$waits" --top
        equal "$(task_field "$waits" '.n_samples')" 0 && equal "$(task_field "$waits" '.offcpu.rate_limited')" 0 &&
                cprofctl task export "$waits" --format=folded-offcpu -o - >/tmp/folded &&
                grep -q '^sleep;.*wait_sleep;.*nanosleep' /tmp/folded && grep -q '^futex;.*wait_semaphore;' /tmp/folded &&
                grep -q '^pipe;.*wait_byte;.*read' /tmp/folded
}
check 'they are those of the functions that wait' waits_are_seen

# A web server that compresses, under load.
mkdir -p /tmp/web
seq 20000 >/tmp/web/numbers.txt
cat >/tmp/nginx.conf <<'CONF'
worker_processes 1;
daemon off;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
        access_log off;
        types { text/plain txt; }
        gzip on;
        gzip_types text/plain;
        gzip_comp_level 6;
        server { listen 127.0.0.1:8099; root /tmp/web; }
}
CONF
# watched, though the rule never holds: what a trigger would find prepared
policy nginx nginx-load.service 'process-thread-count >= 1000 for 10s' 'Profile=on-cpu off-cpu'
check 'a policy may ask for both' poll 5 policy_is nginx loaded
systemd-run --quiet --unit=nginx-load /usr/sbin/nginx -c /tmp/nginx.conf
cat >/tmp/load.py <<'LOAD'
import http.client, time
while True:
    c = http.client.HTTPConnection("127.0.0.1", 8099)
    for i in range(20):
        c.request("GET", "/numbers.txt", headers={"Accept-Encoding": "gzip"})
        c.getresponse().read()
        time.sleep(0.01)
LOAD

answers() {
        curl -s -o /dev/null http://127.0.0.1:8099/numbers.txt ||
                python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:8099/numbers.txt").read()'
}
check 'the server answers' poll 10 answers
systemd-run --quiet --unit=load python3 /tmp/load.py
sleep 2

complete_percent() { # ID
        task_field "$1" '100 * (.ends.root + .ends.frame_pointer) / .quality.stacks_user'
}

both_kinds() {
        cprofctl --no-pager profile nginx-load --on-cpu --off-cpu --duration 3s 2>&1 | tee /tmp/both.out
        both=$(tasks '.unit == "nginx-load.service"' | tail -1)
        task_field "$both" '{n_samples, offcpu, quality, ends, losses}'
        cprofctl task export "$both" --format=folded -o /tmp/on.folded &&
                cprofctl task export "$both" --format=folded-offcpu -o /tmp/off.folded || return 1
        head -c 3000 /tmp/on.folded
        head -c 3000 /tmp/off.folded
        grep -q 'deflate' /tmp/on.folded && grep -q 'ngx_' /tmp/on.folded && grep -q 'ngx_.*;epoll_wait;' /tmp/off.folded
}
check 'a server computes in one place and waits in another, in one profile' both_kinds

complete() {
        complete_percent "$both"
        awk -v p="$(complete_percent "$both")" 'BEGIN { exit !(p >= 99) }'
}
check 'its stacks are complete' complete

shown() {
        grep -q 'epoll_wait' /tmp/both.out && grep -qi 'sleep' /tmp/both.out && grep -q 'SELF%' /tmp/both.out
}
check 'both are shown' shown
systemctl stop load nginx-load

# Two tasks at once: the later one has the difference.
later() {
        local whole part
        systemd-run --quiet --unit=sleeper sleep 1000
        poll 5 known sleeper || return 1
        whole=$(cprofctl profile sleeper --off-cpu --duration=60s --no-wait)
        sleep 2
        part=$(cprofctl profile sleeper --off-cpu --duration=1s --no-wait --pid="$(systemctl show -P MainPID sleeper)")
        poll 5 task_is "$part" finished && cprofctl task stop "$whole" && poll 5 task_is "$whole" stopped || return 1
        within 5 "$(task_field "$part" .offcpu.nsec)" 1000000000 &&
                within 2 "$(task_field "$whole" .offcpu.nsec)" \
                        "$(task_field "$whole" '1000 * (.ended_monotonic_usec - .started_monotonic_usec)')"
}
check 'a later task of the same process has its own time only' later

check 'the daemon lives' alive_since "$pid"
