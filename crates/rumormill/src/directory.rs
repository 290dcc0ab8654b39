use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process,
    time::SystemTime,
};

use crate::{Failure, campaign::Existing};

/// Runs of one scenario that may begin within one second in one place.
const SAME_SECOND_MAX: u32 = 100;

/// The directory of one run. One that was made for the run and stays empty goes away with it.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
    made: bool,
}

impl RunDirectory {
    /// Takes the directory asked for, or makes a new one under `runs/`. Nothing that is there is touched.
    pub(crate) fn claim(asked: Option<&Path>, existing: Existing, scenario: &str) -> Result<Self, Failure> {
        let directory = match asked {
            Some(path) => Self::open(path, existing)?,
            None => Self::make(scenario)?,
        };
        directory.try_writing().map_err(|error| {
            Failure::BadInput(format!("cannot write to {}: {error}", directory.path.display()))
        })?;
        Ok(directory)
    }

    /// A directory that is there.
    pub(crate) fn of_run(path: &Path) -> Self {
        Self { path: path.to_owned(), made: false }
    }

    fn open(path: &Path, existing: Existing) -> Result<Self, Failure> {
        let shown = path.display();
        let made = match fs::read_dir(path).map(|mut entries| entries.next().is_some()) {
            Ok(true) if existing == Existing::Refuse => {
                let problem = format!(
                    "--out {shown} is not empty: choose another, or give --overwrite to replace its result, or --resume to \
                     finish it"
                );
                return Err(Failure::BadInput(problem));
            }
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(path)
                    .map_err(|error| Failure::BadInput(format!("--out {shown} cannot be made: {error}")))?;
                true
            }
            Err(error) => return Err(Failure::BadInput(format!("--out {shown} cannot be used: {error}"))),
        };
        Ok(Self { path: path.to_owned(), made })
    }

    fn make(scenario: &str) -> Result<Self, Failure> {
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace([':', '-'], "");
        let cannot =
            |path: &Path, error| Failure::BadInput(format!("{} cannot be made: {error}", path.display()));
        let runs = Path::new("runs");
        fs::create_dir_all(runs).map_err(|error| cannot(runs, error))?;
        let mut path = runs.join(format!("{time}-{scenario}"));
        for again in 2..SAME_SECOND_MAX {
            match fs::create_dir(&path) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    path = runs.join(format!("{time}-{scenario}-{again}"));
                }
                Err(error) => return Err(cannot(&path, error)),
            }
        }
        Ok(Self { path, made: true })
    }

    /// The directory of one run of many below this one.
    pub(crate) fn within(&self, name: &str) -> Result<Self, Failure> {
        let path = self.path.join(name);
        fs::create_dir_all(&path)
            .map_err(|error| Failure::Undone(format!("{} cannot be made: {error}", path.display())))?;
        Ok(Self { path, made: true })
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// Removes a file, if it is there.
    pub(crate) fn forget(&self, name: &str) -> Result<(), Failure> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::Undone(format!("cannot remove {}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }

    fn try_writing(&self) -> io::Result<()> {
        let trial = self.draft("trial");
        File::create(&trial)?;
        fs::remove_file(&trial)
    }

    /// Where a file is written before it takes its name.
    fn draft(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}.{}", process::id()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file as a whole or not at all: whoever reads it sees the old one or the new one.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let draft = self.draft(name);
        let written = File::create(&draft)
            .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&draft, self.path.join(name)));
        if written.is_err() {
            // The first error is the one to report.
            let _ = fs::remove_file(&draft);
        }
        written
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if self.made {
            // Refused where something is in it, which is what is wanted.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).expect("the directory is there");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_directory_made_for_a_run_that_leaves_nothing_goes_away() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let asked = home.path().join("result");
        drop(RunDirectory::claim(Some(&asked), Existing::Refuse, "idle").expect("it can be made"));
        assert!(!asked.exists());
        fs::create_dir(&asked).expect("it is gone");
        drop(RunDirectory::claim(Some(&asked), Existing::Refuse, "idle").expect("it is empty"));
        assert!(asked.exists(), "what was there before stays");
    }

    #[test]
    fn a_result_is_replaced_only_when_asked_and_other_files_stay() {
        let home = tempfile::tempdir().expect("a temporary directory");
        fs::write(home.path().join("result.json"), "old").expect("writable");
        fs::write(home.path().join("notes"), "mine").expect("writable");
        let refusal =
            RunDirectory::claim(Some(home.path()), Existing::Refuse, "idle").expect_err("not empty");
        assert!(matches!(refusal, Failure::BadInput(sentence) if sentence.contains("--overwrite")));
        let directory =
            RunDirectory::claim(Some(home.path()), Existing::Overwrite, "idle").expect("asked for");
        assert_eq!(fs::read_to_string(home.path().join("result.json")).expect("still there"), "old");
        directory.write("result.json", b"new").expect("writable");
        assert_eq!(fs::read_to_string(home.path().join("result.json")).expect("written"), "new");
        assert_eq!(names(home.path()), ["notes", "result.json"]);
    }
}
