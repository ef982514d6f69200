# recist in a box: docker build -t recist . && docker run --rm -v "$PWD:/data" recist run /data/studies -o /data/out
# On a machine without a GPU, name the index with wheels of torch without CUDA (see README: GPU):
# docker build --build-arg TORCH_INDEX=URL -t recist .
FROM python:3.11-slim-bookworm AS build
ARG TORCH_INDEX=
WORKDIR /src
RUN python -m venv /opt/recist
COPY constraints.txt ./
RUN if [ -n "$TORCH_INDEX" ]; then \
      /opt/recist/bin/pip install --no-cache-dir --constraint constraints.txt torch --index-url "$TORCH_INDEX"; \
    fi
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY imaging imaging
COPY pet pet
COPY segmentation segmentation
COPY recist recist
COPY models models
RUN /opt/recist/bin/pip install --no-cache-dir --constraint constraints.txt ".[tables,codecs,pdf]"

FROM python:3.11-slim-bookworm
# Pango lays out the report as PDF; a font for its words.
RUN apt-get update && apt-get install -y --no-install-recommends libpangoft2-1.0-0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/recist /opt/recist
RUN useradd --create-home reader
USER reader
WORKDIR /data
ENV PATH=/opt/recist/bin:$PATH MPLCONFIGDIR=/tmp/matplotlib
ENTRYPOINT ["recist"]
CMD ["--help"]
