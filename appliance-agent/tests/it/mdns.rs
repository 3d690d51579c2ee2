//! `hearth.local`, as a neighbour with avahi finds it: what every Linux desktop has.

use crate::{
    agent::Agent,
    namespace::{in_a_house, sh},
};
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// A cable to a neighbour who goes by that name.
fn neighbour(name: &str) {
    sh(&format!(
        "ip netns add neighbour
        ip link add eth0 type veth peer name eth1 netns neighbour
        ip addr add 192.168.77.2/24 dev eth0; ip link set eth0 up
        ip -n neighbour addr add 192.168.77.3/24 dev eth1; ip -n neighbour link set eth1 up; ip -n neighbour link set lo up
        mkdir -p /run/dbus /run/avahi-daemon; dbus-daemon --system --fork
        printf '[server]\\nhost-name={name}\\nuse-ipv6=no\\n' > /run/avahi.conf
        ip netns exec neighbour avahi-daemon --daemonize --no-chroot --no-drop-root --no-rlimits --file /run/avahi.conf"
    ));
}

/// Asks as the neighbour until the answer holds these words.
fn hears(question: &str, words: &str) {
    let began = Instant::now();
    loop {
        let asked = Command::new("ip").args(["netns", "exec", "neighbour", "sh", "-c", question]).output().unwrap();
        let said = String::from_utf8_lossy(&asked.stdout).into_owned();
        if said.contains(words) {
            return;
        }
        let complaint = String::from_utf8_lossy(&asked.stderr);
        assert!(began.elapsed() < Duration::from_secs(60), "{question} does not say {words}: {said}{complaint}");
    }
}

#[test]
fn a_neighbour_finds_the_box_by_its_name() {
    in_a_house("mdns::a_neighbour_finds_the_box_by_its_name", || async {
        neighbour("desk");
        let agent = Agent::announced();
        hears("avahi-resolve-host-name -4 hearth.local", "hearth.local\t192.168.77.2");
        let port = agent.address.port();
        hears(
            "avahi-browse --resolve --parsable --terminate _https._tcp",
            &format!(";hearth.local;192.168.77.2;{port};"),
        );
    });
}

#[test]
fn a_name_that_is_taken_is_left_to_whoever_has_it() {
    in_a_house("mdns::a_name_that_is_taken_is_left_to_whoever_has_it", || async {
        neighbour("hearth");
        hears("avahi-resolve-host-name -4 hearth.local", "hearth.local\t192.168.77.3");
        let agent = Agent::announced();
        hears("avahi-resolve-host-name -4 hearth-2.local", "hearth-2.local\t192.168.77.2");
        hears("avahi-resolve-host-name -4 hearth.local", "hearth.local\t192.168.77.3");
        assert!(agent.log().contains("another device has the box's name"));
    });
}
