//! `theming`: name and colours of the server, from `[theme]`.

use serde_json::{Value, json};

use super::Facts;
use crate::pages::LOGO_PATH;

/// The section.
pub(super) fn section(facts: &Facts<'_>) -> Value {
    let theme = &facts.settings.theme;
    let color = theme.color.as_str();
    let text = text_on(color);
    let logo = format!("{}{}", facts.base_url, *LOGO_PATH);
    json!({
        "name": theme.name,
        "url": theme.url.as_deref().unwrap_or(facts.base_url),
        "slogan": theme.slogan,
        "color": color,
        "color-text": text,
        "color-element": color,
        "color-element-bright": color,
        "color-element-dark": color,
        "logo": logo,
        // A plain background is named by its colour (server apps/theming/lib/Capabilities.php).
        "background": color,
        "background-text": text,
        "background-plain": true,
        "background-default": true,
        "logoheader": logo,
        "favicon": logo
    })
}

/// Black or white, whichever is easier to read on `color` (WCAG 2.1 §1.4.3).
fn text_on(color: &str) -> &'static str {
    let channel = |at: usize| {
        let digits = color.get(at..at + 2).unwrap_or("00");
        let value = f64::from(u8::from_str_radix(digits, 16).unwrap_or(0)) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
    // Where (1.05 / (l + 0.05)) and ((l + 0.05) / 0.05) are equal.
    if luminance > 0.179 { "#000000" } else { "#ffffff" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_be_read_on_every_colour() {
        for (color, text) in [
            ("#000000", "#ffffff"),
            ("#ffffff", "#000000"),
            ("#00679e", "#ffffff"),
            ("#1f4e79", "#ffffff"),
            ("#ffff00", "#000000"),
            ("", "#ffffff"),
            ("#é", "#ffffff"),
        ] {
            assert_eq!(text_on(color), text, "{color}");
        }
    }
}
