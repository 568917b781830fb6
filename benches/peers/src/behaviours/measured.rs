/// What was seen, one cell for each peer.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) cells: Vec<String>,
    /// Whether it goes into the short table.
    pub(crate) is_short: bool,
}

impl Row {
    pub(super) fn new(name: &str, cells: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            cells,
            is_short: false,
        }
    }

    pub(super) fn short(self) -> Self {
        Self {
            is_short: true,
            ..self
        }
    }
}

pub(crate) struct Behaviours {
    pub(crate) rows: Vec<Row>,
    /// For each peer, what was not as it should be.
    pub(crate) deviations: Vec<Vec<String>>,
}
