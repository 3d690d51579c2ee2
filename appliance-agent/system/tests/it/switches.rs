//! Names, clock, network, figures and switches of a faked machine.

use crate::machine::{Machine, code};
use hearth_system::{Clock, Fake, FloorSource, Identity, LogLevel, LogUnit, Network, Plan, Services};
use std::fs;
use std::path::Path;

fn fixed() -> Plan {
    Plan::Static {
        address: "192.168.1.9/24".to_owned(),
        gateway: "192.168.1.1".parse().unwrap(),
        dns: vec!["9.9.9.9".parse().unwrap()],
    }
}

fn again(machine: &Machine) -> Fake {
    Fake::open(machine.folder.path(), Path::new("/nonexistent/homeserver")).unwrap()
}

#[test]
fn identity_lasts() {
    let machine = Machine::new();
    let id = machine.machine_id().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(machine.hostname().unwrap(), "hearth");
    machine.set_hostname("kitchen").unwrap();
    assert_eq!(code(machine.set_hostname("Not This")), "invalid_hostname");
    machine.set_time_zone("Europe/Berlin").unwrap();
    assert_eq!(code(machine.set_time_zone("../../etc/passwd")), "unknown_time_zone");
    let again = again(&machine);
    assert_eq!(again.machine_id().unwrap(), id);
    assert_eq!((again.hostname().unwrap().as_str(), again.time_zone().unwrap().as_str()), ("kitchen", "Europe/Berlin"));
    assert!(again.time_zones().unwrap().iter().any(|zone| zone == "UTC"));
}

#[test]
fn a_clock_that_lags_is_set_forward_and_never_back() {
    let machine = Machine::with("built_ms = 1000\nclock_behind_ms = 40000000000000\n");
    machine.faults("time_trusted = false");
    assert_eq!(machine.now_ms(), 0);
    let restored = machine.restore_clock(None).unwrap().unwrap();
    assert_eq!((restored.from_ms, restored.to_ms, restored.source), (0, 1000, FloorSource::Build));
    let restored = machine.restore_clock(Some(500_000)).unwrap().unwrap();
    assert_eq!((restored.to_ms, restored.source), (500_000, FloorSource::NewestEvent));
    assert_eq!(machine.restore_clock(Some(400_000)).unwrap(), None);
    assert!(machine.now_ms() >= 500_000);

    machine.save_clock().unwrap();
    let again = again(&machine);
    let restored = again.restore_clock(None).unwrap().unwrap();
    assert!(restored.to_ms >= 500_000 && restored.source == FloorSource::Saved, "{restored:?}");
    // What the card did to the file keeps no clock from coming up.
    fs::write(machine.path("data/agent/clock"), "\0\0\0").unwrap();
    assert_eq!(self::again(&machine).restore_clock(None).unwrap().unwrap().source, FloorSource::Build);
    machine.faults("");
    assert!(machine.time_trusted());
    assert_eq!(machine.restore_clock(Some(900_000_000)).unwrap(), None, "the network knows better");
}

#[test]
fn a_plan_is_tried_and_kept_or_gone() {
    let machine = Machine::new();
    let before = machine.network().unwrap();
    assert_eq!(before.addresses, ["192.168.1.23/24"]);
    machine.try_network(&fixed()).unwrap();
    assert_eq!(machine.network().unwrap().addresses, ["192.168.1.9/24"]);
    assert_eq!(machine.network_plan().unwrap(), Plan::Auto);
    assert_eq!(again(&machine).network().unwrap(), before, "only tried: gone after a restart");
    machine.revert_network().unwrap();
    assert_eq!(machine.network().unwrap(), before);

    machine.try_network(&fixed()).unwrap();
    machine.keep_network().unwrap();
    assert_eq!(again(&machine).network_plan().unwrap(), fixed());
    machine.faults("network_fails = true");
    assert_eq!(code(machine.try_network(&Plan::Auto)), "network_failed");
    assert_eq!(code(machine.revert_network()), "network_failed");
    machine.faults("no_network = true");
    let now = machine.network().unwrap();
    assert!(now.addresses.is_empty() && now.gateway.is_none() && !now.interfaces[0].carrier);
}

#[test]
fn announced_and_withdrawn() {
    let machine = Machine::new();
    machine.announce("https://192.168.1.23:8443/\ncode").unwrap();
    assert_eq!(
        fs::read_to_string(machine.path("firmware/HEARTH-SETUP.txt")).unwrap(),
        "https://192.168.1.23:8443/\r\ncode"
    );
    machine.withdraw().unwrap();
    machine.withdraw().unwrap();
    assert!(!machine.path("firmware/HEARTH-SETUP.txt").exists());
    machine.faults("announce_fails = true");
    assert_eq!(code(machine.announce("x")), "program_failed");
}

#[test]
fn nothing_can_be_kept_on_a_full_or_locked_card() {
    let machine = Machine::new();
    machine.try_network(&fixed()).unwrap();
    for (fault, expected) in
        [("storage_full = true", "storage_full"), ("storage_read_only = true", "storage_read_only")]
    {
        machine.faults(fault);
        assert_eq!(code(machine.set_hostname("x")), expected);
        assert_eq!(code(machine.set_time_zone("UTC")), expected);
        assert_eq!(code(machine.save_clock()), expected);
        assert_eq!(code(machine.keep_network()), expected);
        assert_eq!(code(machine.factory_reset()), expected);
    }
}

#[test]
fn figures_as_they_should_be_and_not() {
    let machine = Machine::new();
    let now = machine.measurements().unwrap();
    assert!(now.memory.used < now.memory.total && now.temperature_c.is_some());
    assert!(machine.data_usage().unwrap().free > 0 && machine.written_since_boot().is_some());
    machine.faults(
        "memory_used = 7\nload = [9.0, 8.0, 7.0]\ntemperature_c = 91.5\nwear_percent = 99\ndata_free = 5\nwritten = 6",
    );
    let now = machine.measurements().unwrap();
    assert_eq!((now.memory.used, now.load, now.temperature_c), (7, [9.0, 8.0, 7.0], Some(91.5)));
    assert_eq!((machine.data_usage().unwrap().free, machine.written_since_boot()), (5, Some(6)));
    assert_eq!(machine.wear_percent(), Some(99));
    machine.faults("wear_percent = 255\ntemperature_c = -999.0");
    assert_eq!((machine.wear_percent(), machine.measurements().unwrap().temperature_c), (None, None));
    machine.faults("measurements_fail = true\nlogs_fail = true");
    assert_eq!(code(machine.measurements()), "program_failed");
    assert_eq!(code(machine.logs(LogUnit::System, 5)), "program_failed");
}

#[test]
fn logs_by_unit() {
    let machine = Machine::new();
    for number in 0..3 {
        machine.system.log_agent(LogLevel::Warning, &format!("line {number}"));
    }
    let lines = machine.logs(LogUnit::Agent, 2).unwrap();
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["WARN line 1", "WARN line 2"]);
    assert_eq!(lines[0].level, LogLevel::Warning);
    assert!(machine.logs(LogUnit::Homeserver, 9).unwrap().is_empty());
    assert_eq!(machine.logs(LogUnit::System, 9).unwrap().len(), 4);
}

#[test]
fn a_factory_reset_takes_everything_at_the_next_start() {
    let machine = Machine::new();
    machine.set_hostname("kitchen").unwrap();
    machine.factory_reset().unwrap();
    machine.reboot().unwrap();
    assert_eq!(machine.hostname().unwrap(), "kitchen", "the agent is still running");
    assert_eq!(machine.system.recorded().unwrap(), ["factory reset", "reboot"]);
    let again = again(&machine);
    assert_eq!(again.hostname().unwrap(), "hearth");
    assert!(!machine.path("data/FACTORY-RESET").exists());
    machine.faults("switch_fails = true");
    assert_eq!(code(again.power_off()), "program_failed");
}
