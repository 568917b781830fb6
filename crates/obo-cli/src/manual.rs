use std::path::PathBuf;
use std::{fs, io};

use clap::Command;
use clap_complete::Shell;

use crate::output::{Failure, Report};

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn completions(
    arguments: &Completions,
    mut command: Command,
) -> Result<Report, Failure> {
    clap_complete::generate(arguments.shell, &mut command, "obo", &mut io::stdout());
    Ok(Report::default())
}

pub(crate) fn pages(arguments: &Man, command: Command) -> Result<Report, Failure> {
    let folder = &arguments.folder;
    let written =
        fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    written.map_err(|error| Failure::unknown(format!("{}: {error}", folder.display())))?;
    Ok(Report::default())
}
