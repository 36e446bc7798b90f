# One image for every service of docker-compose.yml: `profit` with the dependencies of requirements.lock.

FROM python:3.12-slim AS build
WORKDIR /source
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock .
# The lock holds the tools of development too, so that every hash is checked; they are not needed at run time.
RUN pip install --require-hashes -r requirements.lock \
    && pip uninstall --yes mypy ruff pytest pytest-asyncio hypothesis playwright schemathesis \
       arch statsmodels pandas jsharpe mapie purgedcv trialgate
COPY pyproject.toml README.md ./
COPY models models
COPY connectors connectors
COPY flows flows
COPY api api
RUN pip install --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 profit && install -d -o profit -g profit /data
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PROFIT_DATA_DIR=/data
USER profit
WORKDIR /home/profit
VOLUME /data
ENTRYPOINT ["profit"]
CMD ["--help"]
