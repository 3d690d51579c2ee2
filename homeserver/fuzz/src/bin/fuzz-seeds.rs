//! Writes the seeds of a target, and what once broke it, into a folder: `fuzz-seeds TARGET DIR`. Without arguments it lists
//! the targets.

use hearth_fuzz::{TARGETS, found};
use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(folder)) = (arguments.next(), arguments.next()) else {
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        return Ok(());
    };
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .ok_or_else(|| format!("there is no target {name}; without arguments this lists them"))?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let kept = found(target).into_iter().map(|(_, bytes)| bytes);
    for (number, bytes) in (target.seeds)().into_iter().chain(kept).enumerate() {
        fs::write(folder.join(format!("seed-{number:03}")), bytes)?;
    }
    Ok(())
}
