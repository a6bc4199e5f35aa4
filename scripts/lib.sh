# shellcheck shell=bash
# What the other scripts share. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
services=$root/.services # git-ignored: whatever the scripts install for themselves

say() { printf '%s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# One installer at a time in this folder. macOS has no flock; there, two first runs at once may collide.
lock() {
    mkdir -p "$services"
    have flock || return 0
    exec 9>"$services/lock"
    flock 9
}
# Unlocked by hand as well as closed, because a process started meanwhile may have inherited the file.
unlock() {
    have flock || return 0
    flock -u 9
    exec 9>&-
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_install PACKAGE... : false where there is no apt-get, no right to use it, or no such package.
apt_install() {
    have apt-get || return 1
    [ "$(id -u)" = 0 ] || have sudo || return 1
    say "installing $* with apt-get"
    local log=$services/apt.log
    mkdir -p "$services"
    # RUNLEVEL=1: a server is wanted for its binary; its package must not start it as a service.
    {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update &&
            as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
                apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null && return 0
    tail -n 15 "$log" >&2
    return 1
}

usable_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        have "$candidate" || continue
        # Debian ships Python without ensurepip, and then venv fails half-way.
        "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || continue
        command -v "$candidate"
        return 0
    done
    return 1
}

# Prints the path of a Python 3.10 or newer that can make a virtual environment.
python_bin() {
    usable_python && return 0
    apt_install python3 python3-venv && usable_python && return 0
    have brew && brew install python >&2 && usable_python && return 0
    die "Python 3.10 or newer with its venv module is needed; install it (Debian: python3-venv) and try again"
}

# venv NAME REQUIREMENT... : prints the folder of a virtual environment that holds the requirements.
# A second call costs nothing: the stamp names all that would make the first one's work useless.
venv() {
    local dir=$services/$1 python stamp
    shift
    python=$(python_bin) || exit 1
    stamp="$dir $("$python" -V) $*"
    if [ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ]; then
        say "installing $* into ${dir#"$root"/}"
        rm -rf "$dir"
        mkdir -p "$services"
        "$python" -m venv "$dir" >&2 || die "could not make a Python environment in $dir"
        "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@" >&2 </dev/null ||
            die "pip could not install $*"
        printf '%s\n' "$stamp" >"$dir/stamp"
    fi
    printf '%s\n' "$dir"
}
