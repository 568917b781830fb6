use obo::ConfigError;

use crate::settings::named;

/// The values that files can name: those of `obo`, and those that a [`Setup`](crate::Setup) adds.
#[derive(Clone)]
pub(crate) struct Names<T> {
    known: Vec<(&'static str, T)>,
    built_in: Vec<&'static str>,
}

impl<T> Names<T> {
    pub(crate) fn new(built_in: impl IntoIterator<Item = (&'static str, T)>) -> Self {
        let known: Vec<_> = built_in.into_iter().collect();
        Self {
            built_in: known.iter().map(|(name, _)| *name).collect(),
            known,
        }
    }

    /// Reserves names that mean something else in a file.
    pub(crate) fn reserve(mut self, names: impl IntoIterator<Item = &'static str>) -> Self {
        self.built_in.extend(names);
        self
    }

    /// Adds a value. `setter` is the method of [`Setup`](crate::Setup) that registers it.
    pub(crate) fn add(
        &mut self,
        setter: &'static str,
        name: &'static str,
        value: T,
    ) -> Result<(), ConfigError> {
        let problem = if self.built_in.contains(&name) {
            format!(
                "`Setup::{setter}` registers {name:?}, which is a built-in name; choose another name"
            )
        } else if self.find(name).is_some() {
            format!("`Setup` registers {name:?} twice; choose another name for one of them")
        } else {
            self.known.push((name, value));
            return Ok(());
        };
        Err(ConfigError::new(setter, problem))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&T> {
        let mut known = self.known.iter();
        known
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Finds a value. `what` is the kind of value and the field of the error.
    pub(crate) fn get(&self, what: &'static str, name: &str) -> Result<&T, ConfigError> {
        self.find(name).ok_or_else(|| {
            let name = named(name, '"');
            let problem = format!("unknown {what}{name}, expected one of {}", self.list());
            ConfigError::new(what, problem)
        })
    }

    /// Lists all names, for an error.
    pub(crate) fn list(&self) -> String {
        let names: Vec<_> = self.known.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}
