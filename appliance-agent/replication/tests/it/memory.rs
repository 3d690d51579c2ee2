//! What an operation takes of a small board's memory and time, measured in a process of its own.

use crate::support::{Database, HOUR, NOON, World, box_key, manifest};
use hearth_replication::{Key, Progress, Repository, Retention, Scope, Source};
use std::{fs, io, path::PathBuf, process::Command, time::Instant};

const FOLDER: &str = "HEARTH_TEST_MEASURED";
const WHAT: &str = "HEARTH_TEST_MEASURED_WHAT";
const MIB: u64 = 256;

/// Not a test: one operation in a fresh process.
#[test]
#[ignore = "run by the test below"]
fn measured() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let what = std::env::var(WHAT).unwrap();
    let mut database = Database::of_mib(MIB);
    let began = Instant::now();
    let repository = Repository::open(&folder, Key::Box(&box_key())).unwrap();
    let mut note = format!("opened in {} ms", began.elapsed().as_millis());
    let newest = |repository: &Repository| repository.list().unwrap()[0].id.clone();
    match what.as_str() {
        "open" => {}
        "write first" | "write second" => {
            if what == "write second" {
                (0..100).for_each(|number| database.change(number * 2_003));
            }
            let now = if what == "write first" { NOON } else { NOON + HOUR };
            let replica = repository.write(Source::new(manifest(), database.reader()), now, &Progress::none()).unwrap();
            note += &format!(", {} bytes added", replica.bytes_added);
        }
        "verify" => {
            let replica = newest(&repository);
            let verified = repository.verify(&replica, &Scope::Full, &mut io::sink(), &Progress::none()).unwrap();
            note += &format!(", {verified:?}");
        }
        "forget" => {
            let plan =
                Retention { hourly: 1, daily: 0, weekly: 0, monthly: 0 }.plan(&repository.list().unwrap(), NOON + HOUR);
            note += &format!(", {:?}", repository.forget(&plan, &Progress::none()).unwrap());
        }
        other => panic!("{other}"),
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB");
    // Of the processors, in hundredths of a second: what it takes does not depend on who else is at work.
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let ticks: u64 = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    let took = began.elapsed().as_millis();
    println!("\nmeasured: {what}: {most} kB at most, {took} ms ({} ms of processor), {note}", ticks * 10);
}

#[test]
fn no_operation_takes_more_than_a_small_board_has() {
    let world = World::new();
    for what in ["open", "write first", "write second", "verify", "forget"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "memory::measured", "--nocapture"])
            .env(FOLDER, world.folder())
            .env(WHAT, what)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text
            .lines()
            .find(|line| line.starts_with("measured:"))
            .unwrap_or_else(|| panic!("{what}: {text}{}", String::from_utf8_lossy(&output.stderr)));
        eprintln!("{line}");
        let most: u64 = line.split(": ").nth(2).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(most < 96 << 10, "{line}");
    }
}
