/// One result, with a cell for each peer.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) cells: Vec<String>,
    /// The name of the row in the short table, if it is part of that table.
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
    /// For each peer, the responses that differ from the expected ones.
    pub(crate) deviations: Vec<Vec<String>>,
}
