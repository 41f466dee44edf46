#!/usr/bin/env bash
# ./run.sh        installs what is missing, then starts Pilot
# ./run.sh test   installs what the tests need, then runs them all
set -euo pipefail
PATH=$PATH:/usr/sbin # where Debian keeps mariadbd
for folder in /usr/lib/postgresql/*/bin; do PATH=$PATH:$folder; done # and postgres
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is missing. Remedy: sudo apt-get install python3 python3-venv"
}

# install FILE: into .venv, unless this very FILE is in there already
install() {
    local stamp=".venv/.installed-${1%.txt}" wanted
    wanted=$(cat requirements*.txt constraints.txt | sha256sum)
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
    if [ ! -x .venv/bin/pip ]; then
        local python
        python=$(find_python)
        say "[setup] making .venv with $("$python" --version)"
        rm -rf .venv
        "$python" -m venv .venv || fail "cannot make .venv. Remedy: sudo apt-get install python3-venv"
    fi
    local start=$SECONDS log=.venv/install.log pip
    say "[setup] installing $1 (2.3 GB the first time; some minutes; $log tells more)"
    .venv/bin/pip install --disable-pip-version-check --no-input -r "$1" -c constraints.txt >"$log" 2>&1 &
    pip=$!
    trap 'kill $pip 2>/dev/null; exit 130' INT TERM
    while kill -0 "$pip" 2>/dev/null; do
        [ -t 2 ] && printf '\r[setup] installing ... %d s  %-60.60s' $((SECONDS - start)) "$(last_step "$log")" >&2
        sleep 1
    done
    trap - INT TERM
    [ -t 2 ] && printf '\r%-100s\r' '' >&2
    wait "$pip" || { tail -n 5 "$log" >&2; fail "the installation stopped. Remedy: mend what the lines above say, then run this again"; }
    printf '%s' "$wanted" >"$stamp"
    say "[setup] installed in $((SECONDS - start)) s"
}

# last_step LOG: what pip does now, in two words
last_step() {
    grep -oE '^(Collecting|  Downloading|Installing collected|Building) ?[A-Za-z0-9_.-]*' "$1" | tail -n 1 | sed 's/^ *//' || true
}

# apt COMMAND PACKAGE...: installs the packages when COMMAND is missing and apt may be used
apt_for() {
    local command=$1
    shift
    command -v "$command" >/dev/null && return
    local as=()
    [ "$(id -u)" = 0 ] || as=(sudo -n)
    if ! command -v apt-get >/dev/null || { [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; }; then
        say "[setup] no $command and no right to install it: tests that need it are skipped (sudo apt-get install $*)"
        return
    fi
    say "[setup] installing $*"
    { "${as[@]}" apt-get update -q && "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@"; } >.venv/apt.log 2>&1 ||
        say "[setup] $* could not be installed (.venv/apt.log says why): tests that need it are skipped"
}

case "${1:-start}" in
start)
    install requirements.txt
    [ -f .env ] || { cp .env.template .env && say "[setup] wrote .env; every setting is explained in it"; }
    exec .venv/bin/python pilot/server/start.py
    ;;
test)
    shift
    install requirements-dev.txt
    apt_for mariadbd mariadb-server
    apt_for postgres postgresql
    apt_for chromium chromium fonts-noto-cjk
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
    .venv/bin/mypy
    export OMP_NUM_THREADS=1 # two tests at a time, a core for each
    exec .venv/bin/python -m pytest --numprocesses 2 --dist load "$@"
    ;;
*)
    fail "unknown command ${1@Q}. Use ./run.sh or ./run.sh test"
    ;;
esac
