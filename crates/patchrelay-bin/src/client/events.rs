//! Server-sent events, piece by piece as they come.

/// An event that has come whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// What it is called; empty, if nothing was said.
    pub(crate) name: String,
    /// Where the stream goes on after it, if that was said.
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// What has come of a stream and is no whole event yet.
#[derive(Debug, Default)]
pub(crate) struct Events {
    rest: Vec<u8>,
    begun: Event,
}

impl Events {
    /// Takes a piece, and gives the events that end in it. Comments and what nobody here knows are left out.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.begun);
                if event != Event::default() {
                    events.push(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.begun.name),
                "id" => self.begun.id = Some(value.to_owned()),
                "data" => {
                    if !self.begun.data.is_empty() {
                        self.begun.data.push('\n');
                    }
                    self.begun.data.push_str(value);
                }
                _ => {}
            }
        }
        events
    }

    /// How much is kept of what has not come whole, in bytes.
    pub(crate) fn kept(&self) -> usize {
        self.rest.len() + self.begun.data.len()
    }
}

#[cfg(test)]
mod tests;
