# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts in tools/; sourced, never run. The caller has changed to the top of the tree.

# Runs the calling script again as root when it is not.
become_root() {
        [ "$(id -u)" = 0 ] && return
        command -v sudo >/dev/null || { echo "$0: needs root, and there is no sudo" >&2; exit 1; }
        exec sudo --preserve-env=CI,NO_COLOR "$0" "$@"
}

# A private mount namespace with /sys, the unified cgroup hierarchy and /dev/pts where the machine (a chroot, a bare container) comes
# without: the kernel's type information is below /sys, tests make groups, and cprofctl top is tried on a terminal.
enter_mounts() {
        if [ -z "${CPROF_MOUNTS:-}" ]; then
                CPROF_MOUNTS=1 exec unshare -m --propagation private "$0" "$@"
        fi
        [ -e /sys/kernel ] || mount -t sysfs sysfs /sys
        grep -q ' cgroup2 ' /proc/self/mounts || mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mountpoint -q /dev/pts || { mkdir -p /dev/pts && mount -t devpts -o mode=600,ptmxmode=666 devpts /dev/pts; }
        unset CPROF_MOUNTS
}

configure_build() { # DIRECTORY MESON-OPTIONS…
        local dir=$1
        shift
        [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; return 1; }
}

compile() { # DIRECTORY TARGETS…, or all
        local dir=$1
        shift
        ninja -C "$dir" "$@" >"$dir.log" 2>&1 || { grep -E 'error|FAILED' -A5 "$dir.log" >&2; return 1; }
}

setup_build() { # DIRECTORY MESON-OPTIONS…
        configure_build "$@" && compile "$1"
}

step() {
        printf '\n== %s\n' "$*"
}
