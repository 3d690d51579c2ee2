//! Storage by day.

use crate::{app::App, problem::Problem, state::StorageDay};
use serde::Serialize;
use std::{fs, io, path::Path, sync::Arc};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What `GET /api/storage` shows; all in bytes.
#[derive(Debug, Serialize)]
pub struct View {
    total: u64,
    used: u64,
    database: u64,
    media: u64,
    written_today: u64,
    written_total: u64,
    wear_percent: Option<u8>,
    history: Vec<Day>,
}

#[derive(Debug, Serialize)]
struct Day {
    day: String,
    used: u64,
    written: u64,
}

/// Adds what was written since the last look to the day's row.
///
/// # Errors
/// The machine's.
pub async fn note(app: &Arc<App>) -> Result<(), Problem> {
    let (used, counter) =
        app.machine(|system| Ok((system.data_usage()?.used, system.written_since_boot().unwrap_or(0)))).await?;
    let day = day(app.now_ms());
    app.store.change(|state| state.history.add_storage(&day, used, counter))?;
    Ok(())
}

/// What is known.
///
/// # Errors
/// The machine's.
pub async fn view(app: &Arc<App>) -> Result<View, Problem> {
    let homeserver = app.paths.homeserver.clone();
    let (usage, counter, wear_percent, media) = app
        .machine(move |system| {
            let media = homeserver.join("media");
            let bytes = folder_bytes(&media).map_err(|error| hearth_system::Error::file("read", &media, error))?;
            Ok((system.data_usage()?, system.written_since_boot(), system.wear_percent(), bytes))
        })
        .await?;
    let database = match app.watch.seen().health {
        Some(health) => health.database_bytes,
        None => fs::metadata(app.paths.homeserver.join("hearth.redb")).map_or(0, |file| file.len()),
    };
    let today = day(app.now_ms());
    Ok(app.store.read(|state| {
        let rows = &state.history.storage;
        // What was written since the last look is in no row yet.
        let noted = rows.last().map_or(0, |row| row.counter);
        let fresh = counter.map_or(0, |counter| if counter >= noted { counter - noted } else { counter });
        let written =
            |rows: &mut dyn Iterator<Item = &StorageDay>| rows.fold(fresh, |sum, row| sum.saturating_add(row.written));
        View {
            total: usage.total,
            used: usage.used,
            database,
            media,
            written_today: written(&mut rows.iter().filter(|row| row.day == today)),
            written_total: written(&mut rows.iter()),
            wear_percent,
            history: rows
                .iter()
                .map(|row| Day { day: row.day.clone(), used: row.used, written: row.written })
                .collect(),
        }
    }))
}

/// Bytes of the files in a folder and below it.
fn folder_bytes(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0_u64;
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        bytes = bytes.saturating_add(if kind.is_dir() {
            folder_bytes(&entry.path())?
        } else {
            // A file that was removed meanwhile weighs nothing.
            entry.metadata().map_or(0, |file| file.len())
        });
    }
    Ok(bytes)
}

/// `2026-11-24` of a moment, in UTC.
fn day(ms: u64) -> String {
    // Days since 1 March of the year 0, in a calendar whose years begin in March: leap days come last.
    let days = ms / DAY_MS + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01"),
            (951_782_400_000, "2000-02-29"),
            (1_709_164_800_000, "2024-02-29"),
            (1_709_251_200_000, "2024-03-01"),
            (1_795_564_799_999, "2026-11-24"),
            (1_798_675_200_000, "2026-12-31"),
        ] {
            assert_eq!(day(ms), text);
        }
    }
}
