"""The doors of the HTTP API: one blueprint per room."""

from app.api import assets, beats, files, grooves, health, jobs, rungs, samples

BLUEPRINTS = (beats.blp, files.blp, rungs.blp, grooves.blp, samples.blp, assets.blp, jobs.blp, health.blp)
