/// One thing about the set-up of a [`Store`](super::Store), for tools that check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    subject: String,
    state: FindingState,
    seen: String,
    change: Option<String>,
}

/// How a [`Finding`] is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingState {
    /// As it should be.
    Right,
    /// It should be changed.
    Wrong,
    /// It depends on the deployment, or could not be found out.
    Note,
}

impl Finding {
    /// `subject` is what was checked, such as `persistence`. No argument may contain secrets.
    pub fn new(subject: impl Into<String>, state: FindingState, seen: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            state,
            seen: seen.into(),
            change: None,
        }
    }

    /// Says what to change.
    #[must_use]
    pub fn change(mut self, change: impl Into<String>) -> Self {
        self.change = Some(change.into());
        self
    }

    /// Says which part of the store it is about, such as a node of a cluster.
    #[must_use]
    pub fn of(mut self, node: &str) -> Self {
        self.subject = format!("{node} {}", self.subject);
        self
    }

    /// What was checked.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// How it is meant.
    pub fn state(&self) -> FindingState {
        self.state
    }

    /// What was seen.
    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// What to change, if something should be.
    pub fn what_to_change(&self) -> Option<&str> {
        self.change.as_deref()
    }
}
