# Hearth's start, for every board: chooses the slot, counts its tries, starts its kernel.
#
# The environment lies in the partition `environment` in two copies with a checksum each, 4 MiB apart. The valid copy with the
# higher `seq` counts; the other is the one that is written, so a torn write never loses the one that counted.
# BOOT_ORDER lists the slots, best first; BOOT_A_LEFT and BOOT_B_LEFT say how often each may still be tried. A system that has
# come up sets its own to 3 again (/usr/lib/hearth/boot-env). Numbers are hexadecimal, as everywhere in U-Boot.

echo "Hearth: starting from ${devtype} ${devnum}"
setenv hearth_vars "seq BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT"
setenv hearth_copy 0
setenv hearth_seq_0 0
setenv hearth_seq_1 0

part start ${devtype} ${devnum} environment hearth_first
setexpr hearth_second ${hearth_first} + 2000
setexpr hearth_buffer ${scriptaddr} + 40000

${devtype} dev ${devnum}

setenv seq
if ${devtype} read ${hearth_buffer} ${hearth_first} 8 && env import -c ${hearth_buffer} 1000 ${hearth_vars}; then
    setenv hearth_seq_0 ${seq}
fi
setenv seq
if ${devtype} read ${hearth_buffer} ${hearth_second} 8 && env import -c ${hearth_buffer} 1000 ${hearth_vars}; then
    setenv hearth_seq_1 ${seq}
fi

# The second is in force now if it was whole. Read the first again where that one counts.
setenv hearth_target ${hearth_first}
setenv seq ${hearth_seq_1}
if itest ${hearth_seq_0} -gt ${hearth_seq_1}; then
    setenv hearth_target ${hearth_second}
    ${devtype} read ${hearth_buffer} ${hearth_first} 8
    env import -c ${hearth_buffer} 1000 ${hearth_vars}
fi
if itest ${hearth_seq_0} -eq 0 && itest ${hearth_seq_1} -eq 0; then
    echo "Hearth: both copies of the environment are damaged; starting with a new one"
    setenv seq 0
    setenv BOOT_ORDER "A B"
    setenv BOOT_A_LEFT 3
    setenv BOOT_B_LEFT 3
fi

setenv hearth_slot
for slot in ${BOOT_ORDER}; do
    if test -z "${hearth_slot}"; then
        if test "${slot}" = "A" && itest ${BOOT_A_LEFT} -gt 0; then
            setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
            setenv hearth_slot A
            setenv hearth_partition boot-a
        fi
        if test "${slot}" = "B" && itest ${BOOT_B_LEFT} -gt 0; then
            setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
            setenv hearth_slot B
            setenv hearth_partition boot-b
        fi
    fi
done
if test -z "${hearth_slot}"; then
    # Nothing came up. A box that gives up helps nobody: all get their tries again, and the next start begins anew.
    echo "Hearth: no slot has tries left; all get three again"
    for slot in ${BOOT_ORDER}; do
        setenv BOOT_${slot}_LEFT 3
    done
fi

setexpr seq ${seq} + 1
mw.b ${hearth_buffer} 0 1000
env export -c -s 1000 ${hearth_buffer} ${hearth_vars}
${devtype} write ${hearth_buffer} ${hearth_target} 8 || echo "Hearth: the environment could not be written"
if test -z "${hearth_slot}"; then
    reset
fi

echo "Hearth: slot ${hearth_slot}"
part number ${devtype} ${devnum} ${hearth_partition} hearth_number
setenv hearth_from "${devtype} ${devnum}:${hearth_number}"

# What the slot says of itself: addresses and the kernel's command line.
if load ${hearth_from} ${hearth_buffer} slot.txt && env import -t ${hearth_buffer} ${filesize} hearth_kernel hearth_initramfs hearth_tree kernel_comp_addr_r hearth_command_line; then
    setenv bootargs "${hearth_command_line} hearth.slot=${hearth_slot}"
    setenv kernel_comp_size 2000000
    # The device tree of the slot where it has one for this board. Otherwise that of the firmware, and where that one says that it is to be
    # kept: of an emulator, which lacks devices, or of an owner with overlays. It may lie where the kernel will.
    setenv hearth_keep
    fdt addr ${fdt_addr} && fdt get value hearth_keep /chosen hearth,keep-tree
    if test -z "${hearth_keep}" && test -n "${fdtfile}" && load ${hearth_from} ${hearth_tree} dtb/${fdtfile}; then
        echo "Hearth: device tree of the slot"
    else
        fdt move ${fdt_addr} ${hearth_tree} 200000
    fi
    if load ${hearth_from} ${hearth_kernel} Image && load ${hearth_from} ${hearth_initramfs} initramfs; then
        booti ${hearth_kernel} ${hearth_initramfs}:${filesize} ${hearth_tree}
    fi
fi

echo "Hearth: slot ${hearth_slot} does not start; trying again in 5 s"
sleep 5
reset
