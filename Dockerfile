FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN python -m venv /opt/exporter && /opt/exporter/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="aadsts-exporter" \
      org.opencontainers.image.description="Probes OAuth 2.0 token endpoints and counts every error code for Prometheus" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/exporter /opt/exporter
ENV PATH=/opt/exporter/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
EXPOSE 10471
ENTRYPOINT ["aadsts-exporter"]
CMD ["serve", "--config.file=/etc/aadsts-exporter/config.yaml"]
