//! The frame of a page that changes while it is shown, such as one that a development server has.
//!
//! The server renders all of the page, and [`script`] keeps it current. Without the script, forms
//! and links work too. What the script expects:
//!
//! - The element `main` has an attribute `data-events`: the address of server-sent events. The
//!   query of the page's own address is added to it. The data of each event is the new content of
//!   `main`. The script changes only what differs, so that focus, selections and open details stay.
//!   Give elements that move an `id`.
//! - A form with the method `post` is sent without leaving the page. The server redirects to the
//!   page, and sends an event.
//! - A link with an address that starts with `?` selects what `main` shows. It is followed without
//!   leaving the page.
//!
//! Serve the page with a policy that allows this style, this script and connections to the server
//! itself, and nothing else: by hashes of [`style`] and [`script`], which never change while a
//! program runs.

use std::fmt::Display;

use super::{Escaped, head};

/// The style sheet of the page: that of [`page::style`](super::style), and of controls and panels.
#[must_use]
pub fn style() -> &'static str {
    concat!(include_str!("style.css"), include_str!("live.css"))
}

/// The script, without the `script` element.
#[must_use]
pub fn script() -> &'static str {
    include_str!("live.js")
}

/// The whole page. `main` is the content of its element `main`, and `events` the address of its
/// events.
#[must_use]
pub fn html(title: &str, main: &str, events: &str) -> String {
    // An icon of nothing: browsers request none.
    let mut html = head(title, "<link rel=\"icon\" href=\"data:,\">\n", style());
    let (events, script) = (Escaped(events), script());
    html.push_str(&format!(
        "<main data-events=\"{events}\">{main}</main>\n\
         <p class=\"offline\" role=\"alert\" hidden>The server does not respond.</p>\n\
         <script>{script}</script>\n</body>\n</html>\n"
    ));
    html
}

/// Text as part of HTML, in elements and in quoted attributes.
pub fn escaped(text: &str) -> impl Display {
    Escaped(text)
}
