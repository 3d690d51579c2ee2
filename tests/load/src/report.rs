//! What was measured of one server, as a table for people and as JSON for programs.

use crate::stats::Latency;
use anyhow::{Context, Result};
use serde::Serialize;
use std::{fmt::Write, fs, path::Path};

/// What one phase measured.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub phase: String,
    /// Accounts, messages, syncs or pages.
    pub operations: usize,
    /// Wall time of the measured part.
    pub seconds: f64,
    pub per_second: f64,
    pub latency: Latency,
    /// Of the server's process during the measured part; absent where the process is not known.
    pub server_cpu_seconds: Option<f64>,
    /// Of the server's process during the measured part; absent where the process is not known.
    pub server_written_bytes: Option<u64>,
    /// What this program itself took from the machine.
    pub generator_cpu_seconds: f64,
    /// What everything else took meanwhile. More than a little, and the times say more of that than of the server.
    pub others_cpu_seconds: Option<f64>,
}

impl Figures {
    pub fn server_cpu_ms_per_operation(&self) -> Option<f64> {
        Some(self.server_cpu_seconds? * 1_000.0 / self.operations as f64)
    }

    pub fn written_kib_per_operation(&self) -> Option<f64> {
        Some(self.server_written_bytes? as f64 / 1_024.0 / self.operations as f64)
    }
}

/// What one run measured of one server.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub server: String,
    /// Resident memory before the first phase, in KiB.
    pub resident_idle_kib: Option<u64>,
    /// Resident memory after the last phase, in KiB.
    pub resident_after_kib: Option<u64>,
    pub phases: Vec<Figures>,
}

impl Report {
    pub fn new(server: &str) -> Report {
        Report { server: server.to_owned(), resident_idle_kib: None, resident_after_kib: None, phases: Vec::new() }
    }

    /// The part of the measured time, from 0 to 1, in which programs other than server and generator kept one of
    /// `cores` busy.
    pub fn disturbance(&self, cores: usize) -> Option<f64> {
        let others: Option<f64> = self.phases.iter().map(|figures| figures.others_cpu_seconds).sum();
        let seconds: f64 = self.phases.iter().map(|figures| figures.seconds).sum();
        (seconds > 0.0).then_some(others? / seconds / cores as f64)
    }

    pub fn phase(&self, name: &str) -> Option<&Figures> {
        self.phases.iter().find(|figures| figures.phase == name)
    }
}

/// One phase in one line, said when it is over.
pub fn line(figures: &Figures) -> String {
    format!(
        "  {}: {} in {:.1} s, median {} ms",
        figures.phase,
        figures.operations,
        figures.seconds,
        number(figures.latency.p50_ms)
    )
}

/// Times are in milliseconds.
pub fn table(report: &Report) -> String {
    const HEADINGS: [&str; 12] = [
        "phase",
        "done",
        "per s",
        "p50",
        "p95",
        "p99",
        "max",
        "CPU s",
        "CPU ms each",
        "KiB written each",
        "own CPU s",
        "others' CPU s",
    ];
    let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
    for figures in &report.phases {
        rows.push(vec![
            figures.phase.clone(),
            figures.operations.to_string(),
            number(figures.per_second),
            number(figures.latency.p50_ms),
            number(figures.latency.p95_ms),
            number(figures.latency.p99_ms),
            number(figures.latency.max_ms),
            optional(figures.server_cpu_seconds),
            optional(figures.server_cpu_ms_per_operation()),
            optional(figures.written_kib_per_operation()),
            number(figures.generator_cpu_seconds),
            optional(figures.others_cpu_seconds),
        ]);
    }
    let mut text = format!("{}\n{}", report.server, aligned(&rows));
    let mebibytes = |kib: Option<u64>| optional(kib.map(|kib| kib as f64 / 1_024.0));
    let (idle, after) = (mebibytes(report.resident_idle_kib), mebibytes(report.resident_after_kib));
    let _ = writeln!(text, "resident memory: {idle} MiB idle, {after} MiB after");
    text
}

/// Lays rows out in columns: the first to the left, the others to the right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(line, "{cell:<width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Three digits that count, and never an exponent.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

pub fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), number)
}

pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn figures(phase: &str, p50_ms: f64) -> Figures {
        Figures {
            phase: phase.to_owned(),
            operations: 100,
            seconds: 2.0,
            per_second: 50.0,
            latency: Latency { p50_ms, p95_ms: p50_ms * 2.0, p99_ms: p50_ms * 3.0, max_ms: p50_ms * 4.0 },
            server_cpu_seconds: Some(0.5),
            server_written_bytes: Some(100 * 2048),
            generator_cpu_seconds: 0.01,
            others_cpu_seconds: Some(0.25),
        }
    }

    #[test]
    fn numbers_keep_three_digits() {
        let shown = [1234.5, 100.0, 99.96, 12.34, 9.996, 1.234, 0.0123, 0.0].map(number);
        assert_eq!(shown, ["1234", "100", "100", "12.3", "10.0", "1.23", "0.012", "0.00"]);
    }

    #[test]
    fn the_table_shows_what_each_operation_cost() {
        let mut report = Report::new("http://localhost");
        report.resident_idle_kib = Some(10 * 1024);
        report.phases.push(figures("send-alone", 4.0));
        let expected = "\
http://localhost
phase       done  per s   p50   p95   p99   max  CPU s  CPU ms each  KiB written each  own CPU s  others' CPU s
send-alone   100   50.0  4.00  8.00  12.0  16.0  0.500         5.00              2.00      0.010          0.250
resident memory: 10.0 MiB idle, - MiB after
";
        assert_eq!(table(&report), expected);
    }

    #[test]
    fn others_are_weighed_against_all_cores() {
        let mut report = Report::new("a server");
        assert_eq!(report.disturbance(2), None);
        report.phases = vec![figures("send-alone", 1.0), figures("fan-out", 1.0)];
        assert_eq!(report.disturbance(2), Some(0.0625));
    }

    #[test]
    fn a_server_whose_process_is_unknown_has_no_costs() {
        let unknown = Figures {
            server_cpu_seconds: None,
            server_written_bytes: None,
            others_cpu_seconds: None,
            ..figures("fan-out", 1.0)
        };
        assert_eq!(unknown.server_cpu_ms_per_operation(), None);
        assert_eq!(unknown.written_kib_per_operation(), None);
    }
}
