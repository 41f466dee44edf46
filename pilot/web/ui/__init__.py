"""The page: Gradio components over the services. Imports Gradio, so a door imports it late."""
