"""The doors of the HTTP API: one blueprint per room."""

from app.api import analyses, assets, beats, files, grooves, health, imports, jobs, rungs, samples, transcriptions

BLUEPRINTS = (
    beats.blp,
    imports.blp,
    files.blp,
    rungs.blp,
    grooves.blp,
    analyses.blp,
    transcriptions.blp,
    samples.blp,
    assets.blp,
    jobs.blp,
    health.blp,
)
