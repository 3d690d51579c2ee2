//! Which replicas are kept: a plan first, so that it can be shown before anything goes.

use crate::{Replica, ReplicaId};
use rustic_core::jiff::{Timestamp, tz::TimeZone};
use std::collections::BTreeMap;

/// How many of the newest hours, days, weeks and months that have a replica keep their last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Hours.
    pub hourly: usize,
    /// Days.
    pub daily: usize,
    /// Weeks, which begin on Mondays.
    pub weekly: usize,
    /// Months.
    pub monthly: usize,
}

impl Default for Retention {
    /// Two days of every four hours, then a week of days, two months of weeks, a year of months.
    fn default() -> Self {
        Self { hourly: 12, daily: 7, weekly: 8, monthly: 12 }
    }
}

/// Why a replica stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The newest one always stays.
    Newest,
    /// The last one of an hour.
    Hourly,
    /// The last one of a day.
    Daily,
    /// The last one of a week.
    Weekly,
    /// The last one of a month.
    Monthly,
    /// Its time is still to come: some clock was wrong. It is kept until that time is past, and counts for nothing.
    Ahead,
}

/// Why a replica goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// This one, taken later in the same hour, day, week or month, stays instead.
    Superseded(ReplicaId),
    /// It is older than all that is kept for hours, days, weeks and months.
    TooOld,
}

/// What would stay and what would go, each newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForgetPlan {
    /// Stays, and why.
    pub keep: Vec<(Replica, Vec<Reason>)>,
    /// Goes, and why.
    pub remove: Vec<(Replica, Why)>,
    /// When it was made.
    pub(crate) now_ms: u64,
}

/// A replica's place in the calendar, UTC.
struct Place {
    periods: [(Reason, i64); 4],
}

impl Place {
    fn of(time_ms: u64) -> Self {
        let timestamp =
            i64::try_from(time_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX);
        let date = timestamp.to_zoned(TimeZone::UTC).date();
        let hours = timestamp.as_second().div_euclid(3600);
        let days = hours.div_euclid(24);
        // 1 January 1970 was a Thursday, three days after a Monday.
        let weeks = (days + 3).div_euclid(7);
        let months = i64::from(date.year()) * 12 + i64::from(date.month());
        Self {
            periods: [
                (Reason::Hourly, hours),
                (Reason::Daily, days),
                (Reason::Weekly, weeks),
                (Reason::Monthly, months),
            ],
        }
    }
}

impl Retention {
    /// What would stay and what would go at `now_ms` (milliseconds since 1970).
    #[must_use]
    pub fn plan(&self, replicas: &[Replica], now_ms: u64) -> ForgetPlan {
        let mut sorted: Vec<&Replica> = replicas.iter().collect();
        sorted.sort_by(|one, other| other.time_ms.cmp(&one.time_ms).then_with(|| one.id.cmp(&other.id)));
        let mut plan = ForgetPlan { now_ms, ..ForgetPlan::default() };
        // Per kind of period, the number of the period and who stays for it.
        let mut kept: BTreeMap<Reason, BTreeMap<i64, &Replica>> = BTreeMap::new();
        let mut newest = true;
        for replica in sorted {
            let mut reasons = Vec::new();
            let mut superseded = None;
            if replica.time_ms > now_ms {
                reasons.push(Reason::Ahead);
            } else {
                if std::mem::take(&mut newest) {
                    reasons.push(Reason::Newest);
                }
                for (reason, period) in Place::of(replica.time_ms).periods {
                    let periods = kept.entry(reason).or_default();
                    if let Some(other) = periods.get(&period) {
                        superseded = superseded.or(Some(&other.id));
                    } else if periods.len() < self.limit(reason) {
                        periods.insert(period, replica);
                        reasons.push(reason);
                    }
                }
            }
            match (reasons.is_empty(), superseded) {
                (false, _) => plan.keep.push((replica.clone(), reasons)),
                (true, Some(other)) => plan.remove.push((replica.clone(), Why::Superseded(other.clone()))),
                (true, None) => plan.remove.push((replica.clone(), Why::TooOld)),
            }
        }
        plan
    }

    fn limit(&self, reason: Reason) -> usize {
        match reason {
            Reason::Hourly => self.hourly,
            Reason::Daily => self.daily,
            Reason::Weekly => self.weekly,
            Reason::Monthly => self.monthly,
            Reason::Newest | Reason::Ahead => 0,
        }
    }
}

#[cfg(test)]
mod tests;
