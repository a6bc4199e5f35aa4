# The same version as rust-toolchain.toml; `make check` compares them.
ARG RUST_VERSION=1.95.0

FROM rust:${RUST_VERSION}-slim-trixie AS chef
ARG RUST_VERSION
# The image has this toolchain. Named here, rustup does not fetch the components that rust-toolchain.toml lists
# for developers.
ENV RUSTUP_TOOLCHAIN=${RUST_VERSION}
RUN cargo install cargo-chef --version 0.1.78 --locked
WORKDIR /src

FROM chef AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

# The dependencies are built from the recipe alone, so that a change of our code does not build them again.
FROM chef AS build
COPY --from=plan /src/recipe.json recipe.json
RUN cargo chef cook --release --locked --recipe-path recipe.json --bin rolecall
COPY . .
RUN cargo build --release --locked --bin rolecall

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin rolecall \
    && install --directory --owner rolecall --group rolecall /data
COPY --from=build /src/target/release/rolecall /usr/local/bin/rolecall
USER rolecall
ENV ROLECALL_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["rolecall", "healthcheck"]
ENTRYPOINT ["rolecall"]
CMD ["all"]
