"""What a recording is: tempo, beats, downbeats and meter, key and tuning, loudness, sections."""
