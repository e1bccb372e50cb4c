//! A prompt as a value: sections of our own words and of quoted blocks.

use std::fmt;

use super::block::Block;

/// A prompt. [`Display`](fmt::Display) gives the text that the agent gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    sections: Vec<Section>,
}

/// A part of a prompt with one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its subject.
    pub kind: SectionKind,
    /// What it says, in order.
    pub parts: Vec<Part>,
}

/// The subjects of a prompt, in the order in which they appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SectionKind {
    /// Which ticket, branch and pull request, and how to read the rest.
    Header,
    /// Why a follow-up turn exists and what has to be done in it.
    FollowUp,
    /// What lies in the directory.
    Directory,
    /// What the ticket asks for.
    Task,
    /// What the session says and humans said with it.
    People,
    /// What humans said since the last turn.
    News,
    /// What the forge says of the pull request.
    Facts,
    /// What has to be repaired.
    Repair,
    /// How the project wants work to be done.
    Workflow,
    /// What the agent may do, and how the work reaches the forge.
    Rules,
}

/// A paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Our own words. Text from outside is in them only as a name in backticks.
    Ours(String),
    /// Somebody else's.
    Quoted(Block),
}

impl Prompt {
    /// The sections that say anything, in their order.
    pub(super) fn new(sections: impl IntoIterator<Item = Section>) -> Self {
        let sections = sections.into_iter().filter(|section| !section.parts.is_empty()).collect();
        Self { sections }
    }

    /// Its sections, in order. None is empty.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section with this subject, if the prompt has it.
    pub fn section(&self, kind: SectionKind) -> Option<&Section> {
        self.sections.iter().find(|section| section.kind == kind)
    }

    /// Every block of text from outside, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(Section::blocks)
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut is_first = true;
        for part in self.sections.iter().flat_map(|section| &section.parts) {
            if !is_first {
                f.write_str("\n\n")?;
            }
            is_first = false;
            match part {
                Part::Ours(text) => f.write_str(text)?,
                Part::Quoted(block) => write!(f, "{block}")?,
            }
        }
        Ok(())
    }
}

impl Section {
    /// A section that says nothing yet.
    pub(super) fn new(kind: SectionKind) -> Self {
        Self { kind, parts: Vec::new() }
    }

    /// Our own words in it, as one text.
    pub fn ours(&self) -> String {
        let ours = self.parts.iter().filter_map(|part| match part {
            Part::Ours(text) => Some(text.as_str()),
            Part::Quoted(_) => None,
        });
        ours.collect::<Vec<_>>().join("\n\n")
    }

    /// The blocks of text from outside in it.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.parts.iter().filter_map(|part| match part {
            Part::Ours(_) => None,
            Part::Quoted(block) => Some(block),
        })
    }

    /// Adds words of ours.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Ours(text.into()));
    }

    /// Adds a list of ours.
    pub(super) fn list<'a>(&mut self, items: impl IntoIterator<Item = &'a str>) {
        let lines: Vec<_> = items.into_iter().map(|item| format!("- {item}")).collect();
        self.say(lines.join("\n"));
    }

    /// Adds a text from outside, if there is any; says whether there was.
    pub(super) fn quote(&mut self, block: Option<Block>) -> bool {
        let is_there = block.is_some();
        self.parts.extend(block.map(Part::Quoted));
        is_there
    }
}
