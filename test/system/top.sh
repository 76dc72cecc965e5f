# SPDX-License-Identifier: Apache-2.0
# cprofctl top: into a file, of one unit, and on a terminal.
pid=$(main_pid)
policy hot hot.service 'process-cpu >= 1000% for 60 of 60s'
poll 5 policy_is hot loaded
busy hot
sleep 4

check 'top -n 2 prints two frames and ends' eval 'timeout 10 cprofctl top -n 2 >/tmp/top && cat /tmp/top && equal "$(grep -c "^cprofctl top: " /tmp/top)" 2'
check '… without anything for a terminal' eval '! grep -q "$(printf "\033")" /tmp/top'
check '… with the unit, its CPU and its rule' grep -E 'hot\.service +[0-9.]+% +process-cpu >= 1000%' /tmp/top
unit() {
        timeout 15 cprofctl top -n 2 hot.service >/tmp/top && cat /tmp/top &&
                grep -E 'workload [0-9]+ +process-cpu >= 1000%' /tmp/top && grep -qE '^ +[1-9][0-9.]+ +[1-9][0-9.]+ .* resize_images' /tmp/top
}
check 'top UNIT has its rules and its hottest functions' unit
check 'top of an unknown unit says so' refused 'nowhere.service' timeout 10 cprofctl top -n 1 nowhere.service
check 'top on a terminal leaves it as it was, on q' python3 /cprof/test/system/on-terminal.py q cprofctl top -d 1s
check '… and of a unit' python3 /cprof/test/system/on-terminal.py q cprofctl top hot.service
check '… on Ctrl-C' python3 /cprof/test/system/on-terminal.py $'\003' cprofctl top
moments() { # spread over the second, in whose last quarter the daemon leaves such work for later
        local i begin usec worst=0
        for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
                begin=${EPOCHREALTIME/./}
                call GetHottest stu hot.service 5000000 5 >/tmp/hottest || return 1
                usec=$((${EPOCHREALTIME/./} - begin))
                worst=$((usec > worst ? usec : worst))
                sleep 0.1
        done
        echo "answered within $worst us at most"
        [ "$worst" -lt 1000000 ] && grep -q resize_images /tmp/hottest
}
check 'GetHottest is answered at any moment of a second' moments
gone() {
        timeout 10 cprofctl top -n 4 hot.service >/tmp/top 2>&1 &
        sleep 1.5
        systemctl stop hot
        wait $!
        local status=$?
        cat /tmp/top
        [ "$status" -ne 124 ] && [ "$status" -lt 128 ]
}
check 'a unit that ends while it is watched does no harm' gone
check 'top: the daemon is the one that was started' alive_since "$pid"
