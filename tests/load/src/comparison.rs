//! Hearth and Synapse side by side, with what Hearth has to reach.

use crate::{
    phases::Phase,
    report::{Figures, Report, aligned, optional},
};
use std::fmt;

/// What a figure has to be for Hearth. The values are the design's table 'What it must be'.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    /// At most this part of Synapse's: one over the number.
    PartOfSynapse(f64),
    /// At least so many times Synapse's.
    TimesSynapse(f64),
    /// At most this, whatever Synapse does; in the row's unit.
    AtMost(f64),
    /// Shown for its own sake.
    None,
}

impl Target {
    /// Whether it is met; `None` where that can't be said or nothing is asked.
    fn met(self, hearth: Option<f64>, synapse: Option<f64>) -> Option<bool> {
        let hearth = hearth?;
        match self {
            Target::PartOfSynapse(part) => Some(hearth * part <= synapse?),
            Target::TimesSynapse(times) => Some(hearth >= synapse? * times),
            Target::AtMost(most) => Some(hearth <= most),
            Target::None => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::PartOfSynapse(part) => write!(formatter, "≤ 1/{part}"),
            Target::TimesSynapse(times) => write!(formatter, "≥ {times}×"),
            Target::AtMost(most) => write!(formatter, "≤ {most}"),
            Target::None => formatter.write_str("-"),
        }
    }
}

/// One figure of both.
struct Row {
    what: &'static str,
    unit: &'static str,
    hearth: Option<f64>,
    synapse: Option<f64>,
    target: Target,
}

impl Row {
    fn met(&self) -> Option<bool> {
        self.target.met(self.hearth, self.synapse)
    }

    /// Hearth's as a multiple or as a part of Synapse's, whichever reads better.
    fn ratio(&self) -> Option<String> {
        let ratio = self.hearth? / self.synapse?;
        match ratio {
            _ if !ratio.is_finite() => None,
            _ if ratio >= 1.0 => Some(format!("{ratio:.1}×")),
            _ if ratio > 0.0 => Some(format!("1/{:.1}", 1.0 / ratio)),
            _ => None,
        }
    }

    fn cells(&self) -> [String; 7] {
        let verdict = match self.met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "-",
        };
        [
            self.what.to_owned(),
            self.unit.to_owned(),
            optional(self.hearth),
            optional(self.synapse),
            self.ratio().unwrap_or_else(|| "-".to_owned()),
            self.target.to_string(),
            verdict.to_owned(),
        ]
    }
}

pub struct Comparison {
    rows: Vec<Row>,
}

const HEADINGS: [&str; 7] = ["figure", "unit", "Hearth", "Synapse", "ratio", "target", ""];

impl Comparison {
    /// Either may be missing: then its column is empty.
    pub fn of(hearth: Option<&Report>, synapse: Option<&Report>) -> Comparison {
        let row = |what, unit, target, value: &dyn Fn(&Report) -> Option<f64>| Row {
            what,
            unit,
            hearth: hearth.and_then(value),
            synapse: synapse.and_then(value),
            target,
        };
        let of = |what, unit, phase: Phase, target, value: fn(&Figures) -> Option<f64>| {
            row(what, unit, target, &|report: &Report| report.phase(phase.name()).and_then(value))
        };
        let p50 = |figures: &Figures| Some(figures.latency.p50_ms);
        let p99 = |figures: &Figures| Some(figures.latency.p99_ms);
        let rate = |figures: &Figures| Some(figures.per_second);
        let cpu = Figures::server_cpu_ms_per_operation;
        let written = Figures::written_kib_per_operation;
        let none = Target::None;
        use Phase::{FanOut, FirstSync, Pagination, SendAlone, SendParallel, SignUp};
        let rows = vec![
            of("sign-up, median", "ms", SignUp, none, p50),
            of("sign-up, processor time each", "ms", SignUp, none, cpu),
            of("message alone, median", "ms", SendAlone, Target::PartOfSynapse(15.0), p50),
            of("message alone, 99th percentile", "ms", SendAlone, none, p99),
            of("message alone, processor time each", "ms", SendAlone, none, cpu),
            of("messages in parallel", "1/s", SendParallel, Target::TimesSynapse(35.0), rate),
            of("message in parallel, median", "ms", SendParallel, none, p50),
            of("message in parallel, 99th percentile", "ms", SendParallel, none, p99),
            of("message in parallel, processor time each", "ms", SendParallel, none, cpu),
            of("message to long-polling readers, median", "ms", FanOut, Target::PartOfSynapse(30.0), p50),
            of("message to long-polling readers, 99th percentile", "ms", FanOut, none, p99),
            of("message to long-polling readers, processor time each", "ms", FanOut, none, cpu),
            of("first sync, median", "ms", FirstSync, Target::PartOfSynapse(20.0), p50),
            of("first sync, processor time each", "ms", FirstSync, none, cpu),
            of("page of 100 events, median", "ms", Pagination, none, p50),
            of("page of 100 events, processor time each", "ms", Pagination, none, cpu),
            of("written for a message alone", "KiB", SendAlone, Target::AtMost(96.0), written),
            of("written for a message in parallel", "KiB", SendParallel, Target::AtMost(12.0), written),
            row("resident memory, idle", "MiB", Target::AtMost(20.0), &|report| mebibytes(report.resident_idle_kib)),
            row("resident memory, after", "MiB", Target::AtMost(48.0), &|report| mebibytes(report.resident_after_kib)),
        ];
        // A phase that did not run has no line.
        Comparison { rows: rows.into_iter().filter(|row| row.hearth.or(row.synapse).is_some()).collect() }
    }

    /// How many targets are met, and how many are judged at all.
    pub fn score(&self) -> (usize, usize) {
        let verdicts: Vec<bool> = self.rows.iter().filter_map(Row::met).collect();
        (verdicts.iter().filter(|met| **met).count(), verdicts.len())
    }

    pub fn text(&self) -> String {
        let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
        rows.extend(self.rows.iter().map(|row| row.cells().to_vec()));
        aligned(&rows)
    }

    pub fn markdown(&self) -> String {
        let mut text = format!("| {} |\n| --- | --- | ---: | ---: | ---: | ---: | --- |\n", HEADINGS.join(" | "));
        for row in &self.rows {
            text.push_str(&format!("| {} |\n", row.cells().join(" | ")));
        }
        text
    }
}

fn mebibytes(kib: Option<u64>) -> Option<f64> {
    Some(kib? as f64 / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::figures;

    fn report(phases: Vec<Figures>) -> Report {
        Report { resident_idle_kib: Some(16 * 1024), phases, ..Report::new("a server") }
    }

    #[test]
    fn a_target_is_met_on_its_very_edge() {
        assert_eq!(Target::PartOfSynapse(15.0).met(Some(2.0), Some(30.0)), Some(true));
        assert_eq!(Target::PartOfSynapse(15.0).met(Some(2.1), Some(30.0)), Some(false));
        assert_eq!(Target::TimesSynapse(35.0).met(Some(70.0), Some(2.0)), Some(true));
        assert_eq!(Target::TimesSynapse(35.0).met(Some(69.0), Some(2.0)), Some(false));
        assert_eq!(Target::AtMost(96.0).met(Some(96.0), None), Some(true));
        assert_eq!(Target::AtMost(96.0).met(Some(96.5), None), Some(false));
    }

    #[test]
    fn without_the_other_a_ratio_is_not_judged() {
        assert_eq!(Target::PartOfSynapse(15.0).met(Some(2.0), None), None);
        assert_eq!(Target::AtMost(96.0).met(None, Some(2.0)), None);
        assert_eq!(Target::None.met(Some(2.0), Some(2.0)), None);
    }

    #[test]
    fn both_sides_stand_in_one_line() {
        let (hearth, synapse) = (report(vec![figures("send-alone", 1.0)]), report(vec![figures("send-alone", 20.0)]));
        let comparison = Comparison::of(Some(&hearth), Some(&synapse));
        let markdown = comparison.markdown();
        assert!(
            markdown.contains("| message alone, median | ms | 1.00 | 20.0 | 1/20.0 | ≤ 1/15 | met |"),
            "{markdown}"
        );
        assert!(markdown.contains("| resident memory, idle | MiB | 16.0 | 16.0 | 1.0× | ≤ 20 | met |"), "{markdown}");
        assert!(!markdown.contains("fan-out") && !markdown.contains("readers"), "{markdown}");
        assert_eq!(comparison.score(), (3, 3));
    }

    #[test]
    fn one_side_alone_leaves_the_other_empty() {
        let synapse = report(vec![figures("send-alone", 20.0)]);
        let comparison = Comparison::of(None, Some(&synapse));
        assert!(comparison.markdown().contains("| message alone, median | ms | - | 20.0 | - | ≤ 1/15 | - |"));
        assert_eq!(comparison.score(), (0, 0));
    }
}
