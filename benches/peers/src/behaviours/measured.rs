/// What was seen, one cell for each peer.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) cells: Vec<String>,
    /// Its name in the short table, if it goes there.
    pub(crate) short: Option<&'static str>,
}

impl Row {
    pub(super) fn new(name: &str, cells: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            cells,
            short: None,
        }
    }

    pub(super) fn short(self, name: &'static str) -> Self {
        Self {
            short: Some(name),
            ..self
        }
    }
}

pub(crate) struct Behaviours {
    pub(crate) rows: Vec<Row>,
    /// For each peer, what was not as it should be.
    pub(crate) deviations: Vec<Vec<String>>,
}
