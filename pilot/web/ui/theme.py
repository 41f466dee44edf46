"""How the page looks: warm neutrals, one petrol accent, fonts from this machine only."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
PETROL = gr.themes.Color(
    name="petrol", c50="#effaf9", c100="#d3f1ef", c200="#a8e3e0", c300="#74cecb", c400="#41b2b0", c500="#219696",
    c600="#14797b", c700="#136163", c800="#144e50", c900="#154143", c950="#062628",
)  # fmt: skip
SAND = gr.themes.Color(
    name="sand", c50="#faf9f7", c100="#f3f1ed", c200="#e7e4de", c300="#d3cfc7", c400="#a8a39a", c500="#7c776e",
    c600="#5c5850", c700="#454239", c800="#2a2926", c900="#1d1c1a", c950="#141312",
)  # fmt: skip
# Gradio ships only a part of the SemiBold faces (no curly quotes): what is set in 600 takes the Bold, which is whole.
FONTS = (
    gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)),
    "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "ui-sans-serif", "system-ui", "sans-serif",
)  # fmt: skip
MONO = (gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "Noto Sans Mono CJK SC", "ui-monospace", "monospace")


def theme() -> gr.themes.Base:
    base = gr.themes.Base(
        primary_hue=PETROL, secondary_hue=PETROL, neutral_hue=SAND, font=FONTS, font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md, text_size=gr.themes.sizes.text_md,
    )  # fmt: skip
    return base.set(
        body_background_fill="#faf9f7", body_background_fill_dark="#141312",
        body_text_color="#22211f", body_text_color_dark="#eceae5",
        body_text_color_subdued="#6b675f", body_text_color_subdued_dark="#a8a39a",
        background_fill_primary="#ffffff", background_fill_primary_dark="#1d1c1a",
        background_fill_secondary="#f3f1ed", background_fill_secondary_dark="#252422",
        border_color_primary="#e4e0d9", border_color_primary_dark="#34322f",
        block_background_fill="transparent", block_background_fill_dark="transparent",
        block_border_width="0px", block_shadow="none", block_padding="0px",
        block_label_background_fill="transparent", block_label_background_fill_dark="transparent",
        block_label_border_width="0px", block_label_padding="0px", block_label_text_color="*body_text_color_subdued",
        block_label_text_weight="400", block_title_text_weight="600", block_title_text_size="*text_sm",
        block_title_text_color="*body_text_color_subdued", block_title_text_color_dark="*body_text_color_subdued",
        input_background_fill="#ffffff", input_background_fill_dark="#1d1c1a",
        input_border_color="#d9d5cc", input_border_color_dark="#3d3b37", input_border_width="1px",
        input_border_color_focus="*primary_500", input_border_color_focus_dark="*primary_400",
        input_shadow="none", input_shadow_focus="0 0 0 3px rgba(33,150,150,.16)",
        input_shadow_focus_dark="0 0 0 3px rgba(65,178,176,.22)", input_radius="*radius_lg",
        button_primary_background_fill="*primary_600", button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600", button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="#ffffff", button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#ffffff", button_secondary_background_fill_hover="#f3f1ed",
        button_secondary_background_fill_dark="#1d1c1a", button_secondary_background_fill_hover_dark="#2a2926",
        button_secondary_border_color="#d9d5cc", button_secondary_border_color_dark="#3d3b37",
        button_secondary_text_color="*body_text_color", button_border_width="1px",
        button_large_text_weight="600", button_medium_text_weight="400", button_small_text_weight="400",
        button_small_text_size="*text_md",
        button_large_radius="*radius_lg", button_small_radius="*radius_lg", button_medium_radius="*radius_lg",
        link_text_color="*primary_700", link_text_color_dark="*primary_300",
        panel_background_fill="transparent", panel_border_width="0px", layout_gap="14px", form_gap_width="0px",
    )  # fmt: skip


def style() -> str:
    return (ASSETS / "pilot.css").read_text(encoding="utf-8")
