# One container with everything: web, worker, sweeper, a Redis and the embedded stores.
#
#   docker build -t soundroutine:latest .
#   docker run -d --name soundroutine -p 8000:8000 --gpus all -e APP_ENV=prod soundroutine:latest
#
# Add -v soundroutine:/data to keep beats when the container is replaced, and --env-file for settings (deploy/env.example).
# Without BOOTSTRAP_API_KEY a key is made at the first start: docker exec soundroutine cat /data/run/first-key
# No part of a beat needs a GPU yet; --gpus all does no harm.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends libcairo2 redis-server tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin soundroutine \
    && install -d -o soundroutine -g soundroutine -m 0750 /data

WORKDIR /srv/soundroutine
COPY requirements.txt ./
COPY deploy/requirements deploy/requirements
RUN pip install --no-cache-dir --disable-pip-version-check -r deploy/requirements/core.txt

COPY LICENSE pyproject.toml ./
COPY deploy deploy
COPY db db
COPY services services
COPY app app
RUN python -m compileall -q app services db deploy

ENV APP_ENV=prod \
    DATA_DIR=/data \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER soundroutine
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/health', timeout=4)"]
# tini reaps what the worker's killed children leave, and passes SIGTERM on.
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "app", "up"]
