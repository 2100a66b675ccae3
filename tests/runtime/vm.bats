# `vm`, on guests that really boot. They are started once and the tests follow each other, as someone at a keyboard would.

load guests

setup_file() {
  export KVMGEN_ACCEL=tcg # a /dev/kvm that is there need not work
  lab_script "${BATS_FILE_TMPDIR}/setup.sh"
  main='kg_pass load; kg_power_down_all "$1"; printf "%s\n" "awake: ${KG_AWAKE[*]-}"' \
    lab_script "${BATS_FILE_TMPDIR}/power-down.sh"
  timeout -s KILL 600 unshare -n -m -p -f --kill-child --propagation private sh -c '
    mount -t proc proc /proc && mount -t tmpfs none /run && mkdir /run/netns && mount -t tmpfs none /var/lib
    exec env --ignore-signal=CHLD sleep infinity' >/dev/null 2>&1 3>&- &
  export holder=$!
  disown
  for ((n = 0; n < 100; n++)); do
    ! in_world 'mountpoint -q /var/lib' 2>/dev/null || break
    sleep 0.05
  done
  setup_sh up
}

teardown_file() {
  child_of "${holder}"
  kill -KILL "${REPLY}" # unshare, which hears no TERM; the kernel ends all that is in the world
}

# child_of PID: sets REPLY to its only child.
child_of() {
  read -r REPLY <"/proc/$1/task/$1/children" || [[ -n ${REPLY} ]] # the line has no end
}

# in_world SHELL-COMMAND
in_world() {
  child_of "${holder}" && child_of "${REPLY}" && nsenter -t "${REPLY}" -n -m -p bash -c "$1" 3>&-
}

setup_sh() {
  in_world "bash '${BATS_FILE_TMPDIR}/setup.sh' $*"
}

# until_ready NAME: waits until the guest's user space speaks.
until_ready() {
  in_world "for ((n = 0; n < 300; n++)); do
      ! grep -q READY /run/kvmgen/guests/vm/$1.console || exit 0
      sleep 0.1
    done; exit 1"
}

pid_of() {
  in_world "cat /run/kvmgen/guests/vm/$1.pid"
}

# at_terminal KEYS...: types at the console of g1 in a terminal of its own, a second after each other; output shows what
# the terminal showed, between its settings before and after.
at_terminal() {
  run in_world "for keys in $(printf '%q ' "$@") ''; do sleep 1; printf '%s' \"\${keys}\"; done |
    script -qec \"stty -g; bash '${BATS_FILE_TMPDIR}/setup.sh' vm console g1; stty -g\" /dev/null"
  output=${output//$'\r'/}
}

@test "list shows every guest with its process, console and taps" {
  run setup_sh vm list
  [[ ${status} -eq 0 ]]
  [[ ${lines[1]} == "g1 "*" running "*" $(pid_of g1) "*" /dev/pts/"*" vg1.0" ]]
  [[ ${lines[2]} == "g2 "*" running "*" $(pid_of g2) "*" /dev/pts/"*" vg2.0" ]]
  [[ ${lines[3]} == "deaf "*" running "*" $(pid_of deaf) "*" /dev/pts/"*" vdeaf.0" ]]
}

@test "starting a guest that runs leaves it as it is" {
  local pid
  pid=$(pid_of g1)
  run setup_sh vm start g1
  [[ ${status} -eq 0 ]]
  [[ ${output} == 'g1 is running' ]]
  [[ $(pid_of g1) == "${pid}" ]]
}

@test "KVMGEN_ACCEL takes the place of the accelerator, and tcg takes no \`-cpu host\`" {
  run in_world "tr '\0' ' ' </proc/$(pid_of g1)/cmdline"
  [[ ${output} == *' -machine accel=tcg '* ]]
  [[ ${output} != *' -cpu '* ]]
}

@test "the log is what the guest has written" {
  until_ready g1
  run setup_sh vm log g1
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'KVMGEN-GUEST READY hostname=g1'* ]]
}

@test "the log can be followed" {
  run in_world "timeout 1 bash '${BATS_FILE_TMPDIR}/setup.sh' vm log -f g1"
  [[ ${status} -eq 124 ]]
  [[ ${output} == *'KVMGEN-GUEST READY hostname=g1'* ]]
}

@test "lines from a pipe are typed into the guest, and what it answers is printed" {
  run in_world "echo 'hostname; echo \$((6 * 7))' | bash '${BATS_FILE_TMPDIR}/setup.sh' vm console g1"
  [[ ${status} -eq 0 ]]
  [[ ${output} == *$'\ng1\n42\n'* ]]
}

@test "at a terminal every key is the guest's, and Ctrl-] leaves the terminal as it was" {
  at_terminal $'\rstty raw -echo; dd bs=1 count=4 2>/dev/null | od -An -tx1; stty sane\r' $'\003\032\034' $'\177' $'\035'
  [[ ${status} -eq 0 ]]
  [[ ${output} == *' 03 1a 1c 7f'* ]]
  [[ ${lines[0]} == *:*:* ]]
  [[ ${lines[${#lines[@]} - 1]} == "${lines[0]}" ]]
}

@test "a console that is ended by a signal leaves the terminal as it was, and no process" {
  in_world 'for ((n = 0; n < 50; n++)); do sleep 0.1; pid=$(pgrep -of "setup.sh vm console g1$") && break; done
    sleep 1; kill "${pid}"' &
  run in_world "sleep 4 | script -qec \"stty -g; bash '${BATS_FILE_TMPDIR}/setup.sh' vm console g1; stty -g\" /dev/null"
  output=${output//$'\r'/}
  wait
  [[ ${lines[${#lines[@]} - 1]} == "${lines[0]}" ]]
  run in_world "pgrep -f 'vm console'"
  [[ ${status} -eq 1 ]]
}

@test "a console that is open is not opened again" {
  in_world "{ sleep 2; printf '\035'; } | script -qec \"bash '${BATS_FILE_TMPDIR}/setup.sh' vm console g1\" /dev/null" \
    >/dev/null &
  sleep 1
  run setup_sh vm console g1
  wait
  [[ ${status} -eq 7 ]]
  [[ ${output} == *'the console of g1 is open in another terminal'* ]]
}

@test "a QEMU that does not answer is listed without a console, and holds nobody up" {
  in_world "kill -STOP $(pid_of g2)"
  run in_world "timeout 10 bash '${BATS_FILE_TMPDIR}/setup.sh' vm list"
  in_world "kill -CONT $(pid_of g2)"
  [[ ${status} -eq 0 ]]
  [[ ${output} == *"g2 "*" running "*" $(pid_of g2) "*" - "*" vg2.0"* ]]
}

@test "stop presses the power button, and the guest goes off by itself" {
  run setup_sh vm stop g1
  [[ ${status} -eq 0 ]]
  [[ ${output} == 'g1 is off' ]]
  run setup_sh vm log g1
  [[ ${output} == *'reboot: Power down'* ]]
  run in_world 'ls /run/kvmgen/guests/vm'
  [[ ${output} != *g1.qmp* ]]
}

@test "a guest that is off is stopped and killed already" {
  run setup_sh vm stop g1
  [[ ${status} -eq 0 ]]
  run setup_sh vm kill g1
  [[ ${status} -eq 0 ]]
  [[ ${output} == 'g1 is not running' ]]
}

@test "a guest that is off has no console" {
  run setup_sh vm console g1
  [[ ${status} -eq 1 ]]
  [[ ${output} == *'g1 is not running'*'setup.sh vm start g1'* ]]
}

@test "up for the lab's unit leaves a guest that is off to a unit of its own" {
  run setup_sh up --service
  [[ ${status} -eq 0 ]]
  run setup_sh vm stop g1
  [[ ${output} == 'g1 is not running' ]]
}

@test "a guest that does not hear its power button is left running, with a hint" {
  run setup_sh vm stop deaf --wait 1
  [[ ${status} -eq 1 ]]
  [[ ${output} == *'deaf has not gone off in 1 seconds'*'setup.sh vm kill deaf'* ]]
  in_world "kill -0 $(pid_of deaf)"
}

@test "kill pulls the plug" {
  local pid
  pid=$(pid_of deaf)
  run setup_sh vm kill deaf
  [[ ${status} -eq 0 ]]
  ! in_world "kill -0 ${pid}" 2>/dev/null
}

@test "one run waits until a guest has gone off, and others are not kept from theirs" {
  setup_sh vm start deaf
  run in_world "
    bash '${BATS_FILE_TMPDIR}/setup.sh' vm stop deaf --wait 20 &
    stop=\$!
    until bash '${BATS_FILE_TMPDIR}/setup.sh' vm kill deaf; do
      sleep 0.1
    done
    wait \${stop}"
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'deaf is off'* ]]
}

@test "kill gets rid of a QEMU that does not answer" {
  local pid
  setup_sh vm start deaf
  pid=$(pid_of deaf)
  in_world "kill -STOP ${pid}"
  run setup_sh vm kill deaf
  [[ ${status} -eq 0 ]]
  ! in_world "kill -0 ${pid}" 2>/dev/null
}

@test "a process that got the number of a guest that has gone is not taken for it" {
  in_world 'sleep 300 >/dev/null & echo $! >/run/kvmgen/guests/vm/deaf.pid'
  run setup_sh vm list
  [[ ${output} == *'deaf '*' stopped '* ]]
  run setup_sh vm kill deaf
  [[ ${output} == 'deaf is not running' ]]
  in_world "kill \$(cat /run/kvmgen/guests/vm/deaf.pid)"
}

@test "with -n nothing is started, stopped or killed" {
  run setup_sh vm start deaf -n
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'/usr/bin/qemu-system-x86_64 -name deaf '* ]]
  run in_world "pgrep -f 'name deaf'"
  [[ ${status} -eq 1 ]]
  run setup_sh vm stop g2 -n
  [[ ${output} == "would press the power button of g2, process $(pid_of g2), and wait for 30 seconds" ]]
  run setup_sh vm kill g2 -n
  [[ ${output} == "would end g2, process $(pid_of g2)" ]]
  in_world "kill -0 $(pid_of g2)"
}

@test "a guest that was off is started again" {
  run setup_sh vm start g1
  [[ ${status} -eq 0 ]]
  until_ready g1
}

@test "a console ends when its guest goes off" {
  run in_world "{ sleep 1; printf 'poweroff -f\r'; sleep 5; } |
    script -qec \"timeout --foreground 4 bash '${BATS_FILE_TMPDIR}/setup.sh' vm console g1\" /dev/null"
  [[ ${status} -eq 0 ]]
  [[ ${output} == *'Power down'* ]]
  setup_sh vm start g1
  until_ready g1
}

@test "all guests are powered off at once" {
  until_ready g2
  setup_sh vm start deaf
  SECONDS=0
  run in_world "bash '${BATS_FILE_TMPDIR}/power-down.sh' 4"
  [[ ${output} == 'awake: deaf' ]]
  [[ ${SECONDS} -le 6 ]]
}

@test "a target whose QEMU keeps no console log says so" {
  console_log=no lab_script "${BATS_TEST_TMPDIR}/setup.sh"
  run in_world "bash '${BATS_TEST_TMPDIR}/setup.sh' vm log g1"
  [[ ${status} -eq 1 ]]
  [[ ${output} == *"this target's QEMU keeps no console log"* ]]
}

@test "a guest, a verb or an argument that is not known is refused" {
  local words
  for words in 'vm' 'vm stop' 'vm stop nobody' 'vm pause g1' 'vm list g1' 'vm stop g1 g2' 'vm log g1 g2'; do
    run setup_sh "${words}"
    [[ ${status} -eq 2 ]]
  done
}

@test "a guest of a lab that is down is not started" {
  setup_sh down
  run setup_sh vm start g1
  [[ ${status} -eq 1 ]]
  [[ ${output} == *'guests is down'*'setup.sh up builds it'* ]]
}

# accelerated WORD...: sets output to QEMU's command line as it would be run.
accelerated() {
  main="kg_choose_accel; kg_accelerate $*; printf '%s\n' \"\${KG_WORDS[*]}\"" lab_script "${BATS_TEST_TMPDIR}/setup.sh"
  run bash "${BATS_TEST_TMPDIR}/setup.sh"
}

@test "another accelerator leaves the rest of the machine as it is" {
  KVMGEN_ACCEL=tcg accelerated qemu -machine pc,accel=kvm:tcg,usb=off -cpu host,-vmx -m 64
  [[ ${output} == 'qemu -machine pc,accel=tcg,usb=off -m 64' ]]
  KVMGEN_ACCEL=kvm accelerated qemu -machine pc,accel=kvm:tcg -cpu host
  [[ ${output} == 'qemu -machine pc,accel=kvm -cpu host' ]]
}

@test "a target that names no accelerator is given one only where it is asked for" {
  accel='' KVMGEN_ACCEL=tcg accelerated qemu -machine pc -m 64
  [[ ${output} == 'qemu -machine accel=tcg -machine pc -m 64' ]]
  accel=tcg KVMGEN_ACCEL='' accelerated qemu -machine accel=tcg -m 64
  [[ ${output} == 'qemu -machine accel=tcg -m 64' ]]
}
