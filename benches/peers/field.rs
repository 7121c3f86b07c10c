//! All servers, one after the other.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::deadline::Deadline;
use crate::options::Effort;
use crate::program::Program;
use crate::recipes::Recipe;
use crate::search::Found;
use crate::server::Cores;
use crate::workshop::Workshop;
use crate::{Result, cores, idle, search};

/// What was found of a server, or why nothing.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) figures: Result<Figures>,
}

pub(crate) struct Figures {
    pub(crate) found: Found,
    pub(crate) idle_bytes: f64,
}

/// Builds them all, then measures them.
pub(crate) fn compare(recipes: &[&Recipe], effort: Effort) -> Result<Vec<Entry>> {
    let cores = cores::pair()?;
    let deadline = Deadline::after(effort.limit);
    // Servers inherit it: both ends of the connections are needed.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let built_by = deadline.less(effort.measuring * u32::try_from(recipes.len())?);
    let mut programs = Vec::new();
    // On both cores.
    for recipe in recipes {
        eprintln!("building {}", recipe.name);
        programs.push(Workshop::open(recipe.word, built_by).and_then(|workshop| (recipe.make)(&workshop)));
    }
    cores::pin(cores.1)?;
    let mut left = u32::try_from(programs.iter().filter(|program| program.is_ok()).count())?;
    let entries = recipes.iter().zip(programs).map(|(recipe, program)| {
        let figures = program.map_err(|error| format!("missing: {error}").into()).and_then(|program| {
            eprintln!("{}:", recipe.name);
            let share = deadline.left() / left;
            left -= 1;
            let figures = measure(&program, cores, &effort, Deadline::after(share));
            figures.map_err(|error| format!("not measured: {error}").into())
        });
        if let Err(error) = &figures {
            eprintln!("{}: {error}", recipe.name);
        }
        Entry { name: recipe.name, figures }
    });
    Ok(entries.collect())
}

fn measure(program: &Program, cores: Cores, effort: &Effort, deadline: Deadline) -> Result<Figures> {
    // Memory first: it takes a time that is known, and the search what is left.
    let idle_bytes = idle::bytes_each(program, cores, effort.idle)?;
    eprintln!("  {idle_bytes:.0} bytes for an idle connection");
    // A step of the search, begun at the last moment, takes up to six times as long as it publishes.
    let found = search::run(program, cores, effort, deadline.less(effort.step * 6))?;
    Ok(Figures { found, idle_bytes })
}
