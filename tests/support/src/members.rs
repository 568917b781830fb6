use serde_json::Value;

/// Members of a JSON object in their order, each with the text of its value; a name may stand twice, and a value may be no
/// JSON at all.
#[derive(Clone, Debug, Default)]
pub struct Members(Vec<(String, String)>);

impl Members {
    /// Those of an object.
    pub fn of(object: &Value) -> Self {
        let members = object.as_object().unwrap().iter();
        Self(members.map(|(n, v)| (n.clone(), v.to_string())).collect())
    }

    /// The text of the member's value, if there is one.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(n, _)| n == name)?;
        Some(value)
    }

    /// The text of the value of a member that is there.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap()
    }

    /// Takes every member of that name out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Gives the first member of that name this value, or adds one.
    pub fn set(&mut self, name: &str, text: impl Into<String>) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, value)) => *value = text.into(),
            None => self.repeat(name, text),
        }
    }

    /// Adds the member, whether or not there is one of that name.
    pub fn repeat(&mut self, name: &str, text: impl Into<String>) {
        self.0.push((name.to_owned(), text.into()));
    }

    /// The object.
    pub fn json(&self) -> String {
        let members = self.0.iter().map(|(n, v)| format!("\"{n}\":{v}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}
