# Pilothouse as an image: docs/operations.md says how to run it.
#   docker build --tag pilothouse .
# Both stages stand on the same Python, the one the lock files were resolved for.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
# The product's environment gets no pip: what is installed there is what this file puts there.
RUN python -m venv /opt/tools && python -m venv --without-pip /opt/pilothouse
COPY deploy/requirements-build.lock requirements.lock ./
# The lock files are complete, so pip has nothing to resolve; `pip check` below sees that nothing is missing.
RUN /opt/tools/bin/pip install --require-hashes --no-deps -r requirements-build.lock \
 && /opt/tools/bin/pip --python /opt/pilothouse install --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md ./
COPY storage storage
COPY alerting alerting
COPY engine engine
COPY bot bot
RUN /opt/tools/bin/hatchling build -t wheel -d /dist \
 && /opt/tools/bin/pip --python /opt/pilothouse install --no-index --no-deps /dist/*.whl \
 && /opt/tools/bin/pip --python /opt/pilothouse check

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Pilothouse" \
      org.opencontainers.image.description="Chat-ops for deployments and alerts"
# A fixed number, so that the owner of a volume is known before the image runs.
RUN groupadd --gid 10001 pilothouse \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/pilothouse --no-create-home --shell /usr/sbin/nologin pilothouse \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/pilothouse \
 && install -d -m 0755 /etc/pilothouse
COPY --from=build /opt/pilothouse /opt/pilothouse
# On 0.0.0.0 the board and the API ask who is there. The port stands here, not in the settings file, so that the check
# below and EXPOSE are right whatever that file says.
ENV PATH=/opt/pilothouse/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PILOTHOUSE_DATA=/var/lib/pilothouse \
    PILOTHOUSE_HOST=0.0.0.0 \
    PILOTHOUSE_PORT=8080
USER 10001:10001
WORKDIR /var/lib/pilothouse
VOLUME /var/lib/pilothouse
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ['PILOTHOUSE_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["pilothouse"]
CMD ["serve", "--config", "/etc/pilothouse/pilothouse.yaml"]
