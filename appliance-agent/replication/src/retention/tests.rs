use super::*;

const HOUR: u64 = 3_600_000;
/// Wednesday, 25 November 2026, 00:00 UTC.
const MIDNIGHT: u64 = 1_795_564_800_000;

fn replica(number: u64, time_ms: u64) -> Replica {
    let id = format!("{number:064x}").parse().unwrap();
    Replica { id, time_ms, bytes: 0, bytes_added: 0, files: 0, duration_ms: 0 }
}

/// A replica every four hours for `days` days before midnight, the newest first.
fn every_four_hours(days: u64) -> Vec<Replica> {
    (1..=days * 6).map(|back| replica(back, MIDNIGHT - back * 4 * HOUR)).collect()
}

fn count(plan: &ForgetPlan, reason: Reason) -> usize {
    plan.keep.iter().filter(|(_, reasons)| reasons.contains(&reason)).count()
}

#[test]
fn a_year_of_replicas_is_thinned_out() {
    let replicas = every_four_hours(400);
    let plan = Retention::default().plan(&replicas, MIDNIGHT);
    assert_eq!(
        [Reason::Newest, Reason::Hourly, Reason::Daily, Reason::Weekly, Reason::Monthly]
            .map(|reason| count(&plan, reason)),
        [1, 12, 7, 8, 12]
    );
    assert_eq!(plan.keep.len() + plan.remove.len(), replicas.len());
    // 12 of the last two days, 5 more days, 7 more weeks (some of them a month's or a day's last too), 10 more months.
    assert!(plan.keep.len() <= 12 + 6 + 7 + 11, "{}", plan.keep.len());
    assert!(plan.keep.is_sorted_by(|one, other| one.0.time_ms >= other.0.time_ms));
}

#[test]
fn applied_again_it_changes_nothing() {
    let first = Retention::default().plan(&every_four_hours(400), MIDNIGHT);
    let kept: Vec<Replica> = first.keep.iter().map(|(replica, _)| replica.clone()).collect();
    let second = Retention::default().plan(&kept, MIDNIGHT);
    assert_eq!(second.remove, []);
    assert_eq!(second.keep.len(), kept.len());
}

#[test]
fn day_by_day_the_same_stay_as_all_at_once() {
    let mut held: Vec<Replica> = Vec::new();
    let mut all = every_four_hours(90);
    all.reverse();
    for replica in all {
        let now = replica.time_ms;
        held.push(replica);
        held = Retention::default().plan(&held, now).keep.into_iter().map(|(replica, _)| replica).collect();
    }
    // Weeks and months that are long past have kept their last one only if nothing was thrown away too early.
    let plan = Retention::default().plan(&held, MIDNIGHT);
    assert_eq!(
        [Reason::Hourly, Reason::Daily, Reason::Weekly, Reason::Monthly].map(|reason| count(&plan, reason)),
        [12, 7, 8, 4]
    );
}

#[test]
fn it_says_why_one_goes() {
    let replicas = [
        replica(1, MIDNIGHT),
        replica(2, MIDNIGHT - 60_000),
        replica(3, MIDNIGHT - 120_000),
        replica(4, MIDNIGHT - 90 * 24 * HOUR),
    ];
    let plan = Retention { hourly: 3, daily: 1, weekly: 0, monthly: 1 }.plan(&replicas, MIDNIGHT + HOUR);
    assert_eq!(
        plan.keep.iter().map(|(kept, _)| &kept.id).collect::<Vec<_>>(),
        [&replicas[0].id, &replicas[1].id, &replicas[3].id]
    );
    assert_eq!(plan.remove, [(replicas[2].clone(), Why::Superseded(replicas[1].id.clone()))]);
    let plan = Retention { hourly: 1, daily: 0, weekly: 0, monthly: 0 }.plan(&replicas, MIDNIGHT + HOUR);
    assert_eq!(
        plan.remove.iter().map(|(_, why)| why.clone()).collect::<Vec<_>>(),
        [Why::TooOld, Why::TooOld, Why::TooOld]
    );
}

#[test]
fn the_newest_stays_whatever_the_policy() {
    let plan = Retention { hourly: 0, daily: 0, weekly: 0, monthly: 0 }.plan(&every_four_hours(2), MIDNIGHT);
    assert_eq!(plan.keep, [(replica(1, MIDNIGHT - 4 * HOUR), vec![Reason::Newest])]);
    assert_eq!(Retention::default().plan(&[], MIDNIGHT), ForgetPlan { now_ms: MIDNIGHT, ..ForgetPlan::default() });
}

#[test]
fn a_clock_that_ran_ahead_costs_no_good_replica() {
    let mut replicas = every_four_hours(10);
    let without = Retention::default().plan(&replicas, MIDNIGHT);
    replicas.extend((0..20).map(|number| replica(10_000 + number, MIDNIGHT + number * HOUR + 1)));
    let with = Retention::default().plan(&replicas, MIDNIGHT);
    assert_eq!(count(&with, Reason::Ahead), 20);
    assert_eq!(with.keep.len(), without.keep.len() + 20);
    assert_eq!(with.remove, without.remove);
}

#[test]
fn times_beyond_the_calendar_are_no_trouble() {
    let replicas = [replica(1, u64::MAX), replica(2, 0), replica(3, u64::MAX / 2)];
    assert_eq!(
        Retention::default().plan(&replicas, u64::MAX).keep.len()
            + Retention::default().plan(&replicas, u64::MAX).remove.len(),
        3
    );
}
